// --device, --precision and --gpu-decode, for commands that compute with a model.
#pragma once

#include <string>

#include "engine/model.h"

namespace CLI {
class App;
}

namespace clipdex::cli {

struct DeviceOptions {
  std::string device = "auto";
  std::string precision;    // empty: the device's own
  bool gpu_decode = false;  // pictures are decoded by the GPU where it can

  engine::EncoderOptions encoder(int threads = 0) const;
};

// `prefix` stands before the descriptions: "With --data: ".
void add_device_options(CLI::App& command, DeviceOptions& options, const std::string& prefix = "");
// --gpu-decode: of those that ingest or search by picture.
void add_gpu_decode(CLI::App& command, DeviceOptions& options, const std::string& prefix = "");

}  // namespace clipdex::cli
