#include "cli/device_options.h"

#include <CLI/CLI.hpp>

namespace clipdex::cli {

engine::EncoderOptions DeviceOptions::encoder(int threads) const {
  return {.threads = threads, .device = device, .precision = engine::precision_of(precision), .device_decoding = gpu_decode};
}

void add_device_options(CLI::App& command, DeviceOptions& options, const std::string& prefix) {
  command
      .add_option("--device", options.device,
                  prefix + "where the model computes: cpu, cuda, cuda:N, or auto (the first GPU if there is one that can be used)")
      ->envname("CLIPDEX_DEVICE")
      ->capture_default_str();
  command
      .add_option("--precision", options.precision,
                  prefix + "numbers that the model computes with: fp32, fp16 or bf16 (default: fp32 on the CPU, fp16 on a GPU)")
      ->check(CLI::IsMember({"fp32", "fp16", "bf16"}));
}

void add_gpu_decode(CLI::App& command, DeviceOptions& options, const std::string& prefix) {
  command.add_flag("--gpu-decode", options.gpu_decode,
                   prefix + "ordinary JPEGs are decoded by the model's GPU; for pictures from people you trust (docs/gpu.md)");
}

}  // namespace clipdex::cli
