// One accelerator of several devices.
#pragma once

#include <memory>
#include <vector>

#include "index/accelerator.h"

namespace clipdex::index {

enum class DeviceSpread {
  kShards,    // each device has a part of a segment's vectors: room for more, and all of them search at once
  kReplicas,  // each device has all of them: more searches a second, and one that fails is not missed
};

// The devices may be of different sizes, but compute alike. One device is returned as it is. A device that fails is done without. Throws
// std::invalid_argument for none.
std::shared_ptr<Accelerator> spread_over(std::vector<std::shared_ptr<Accelerator>> devices, DeviceSpread spread);

}  // namespace clipdex::index
