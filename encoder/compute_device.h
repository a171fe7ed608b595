// Where a model computes, and with which numbers. No LibTorch shows here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace clipdex::encoder {

enum class DeviceKind { kCpu, kCuda };

struct ComputeDevice {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;  // of a GPU

  bool operator==(const ComputeDevice&) const = default;
};

// Of matrix products and what lies between them; normalisation, softmax's sums and the residual stream are fp32 in any case.
enum class ComputePrecision { kFp32, kFp16, kBf16 };

// "cpu", "cuda:1"; "fp32", "fp16", "bf16".
std::string name_of(const ComputeDevice& device);
std::string_view name_of(ComputePrecision precision);
std::optional<ComputePrecision> precision_of(std::string_view name);

// "cpu", "cuda" (the first GPU), "cuda:N", "auto" (the first GPU where there is one that can be used, else the CPU).
// Throws std::invalid_argument for anything else, and std::runtime_error that says why where a GPU is asked for and cannot be used.
ComputeDevice choose_device(std::string_view text);

// What a device computes with unless told otherwise: fp16 on a GPU, fp32 on the CPU.
ComputePrecision default_precision(const ComputeDevice& device);

// Why no GPU can be used, in a sentence; empty where one can.
std::string why_no_cuda();

}  // namespace clipdex::encoder
