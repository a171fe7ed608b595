#include "index/device_spread.h"

#include <stdexcept>
#include <utility>

#include "index/replicated_accelerator.h"
#include "index/sharded_accelerator.h"

namespace clipdex::index {

std::shared_ptr<Accelerator> spread_over(std::vector<std::shared_ptr<Accelerator>> devices, DeviceSpread spread) {
  if (devices.empty()) throw std::invalid_argument("there is no device to spread vectors over");
  if (devices.size() == 1) return devices.front();
  if (spread == DeviceSpread::kReplicas) return std::make_shared<ReplicatedAccelerator>(std::move(devices));
  return std::make_shared<ShardedAccelerator>(std::move(devices));
}

}  // namespace clipdex::index
