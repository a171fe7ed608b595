#include "encoder/compute_device.h"

#include <ATen/Context.h>

#include <charconv>
#include <stdexcept>

namespace clipdex::encoder {
namespace {

std::size_t cuda_devices() { return at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0; }

}  // namespace

std::string name_of(const ComputeDevice& device) {
  return device.kind == DeviceKind::kCpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

std::string_view name_of(ComputePrecision precision) {
  switch (precision) {
    case ComputePrecision::kFp16:
      return "fp16";
    case ComputePrecision::kBf16:
      return "bf16";
    case ComputePrecision::kFp32:
      break;
  }
  return "fp32";
}

std::optional<ComputePrecision> precision_of(std::string_view name) {
  for (const auto precision : {ComputePrecision::kFp32, ComputePrecision::kFp16, ComputePrecision::kBf16}) {
    if (name_of(precision) == name) return precision;
  }
  return std::nullopt;
}

std::string why_no_cuda() {
#ifdef CLIPDEX_CUDA
  // LibTorch does not tell the two apart: it says that it has no CUDA where it finds no device, too.
  if (cuda_devices() > 0) return "";
  return "LibTorch finds no CUDA device: nvidia-smi tells whether the driver works, docs/gpu.md which LibTorch has CUDA";
#else
  return "this clipdex is built without CUDA, as Debian's LibTorch and FAISS are (docs/gpu.md says how to build it with both)";
#endif
}

ComputeDevice choose_device(std::string_view text) {
  const auto unusable = why_no_cuda();
  if (text == "cpu") return {};
  if (text == "auto") return unusable.empty() ? ComputeDevice{.kind = DeviceKind::kCuda} : ComputeDevice{};
  ComputeDevice device{.kind = DeviceKind::kCuda};
  constexpr std::string_view kCuda = "cuda", kIndexed = "cuda:";
  if (text.starts_with(kIndexed)) {
    const auto digits = text.substr(kIndexed.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), device.index);
    if (error != std::errc() || end != digits.data() + digits.size() || device.index < 0) text = "";
  } else if (text != kCuda) {
    text = "";
  }
  if (text.empty()) throw std::invalid_argument("a device is cpu, cuda, cuda:N (a GPU's number) or auto");
  if (!unusable.empty()) throw std::runtime_error("the device \"" + std::string(text) + "\" cannot be used: " + unusable);
  const auto there = cuda_devices();
  if (static_cast<std::size_t>(device.index) >= there)
    throw std::runtime_error("there is no \"" + std::string(text) + "\": " + std::to_string(there) +
                             " CUDA devices are found, from cuda:0 on");
  return device;
}

ComputePrecision default_precision(const ComputeDevice& device) {
  return device.kind == DeviceKind::kCuda ? ComputePrecision::kFp16 : ComputePrecision::kFp32;
}

}  // namespace clipdex::encoder
