#include "encoder/torch_runner.h"

#include <c10/core/InferenceMode.h>

#include <cstring>

#include "encoder/weights.h"

namespace clipdex::encoder {
namespace {

// Measured (docs/benchmarks.md): more at once is no faster on a CPU. A GPU wants more.
constexpr std::size_t kImagesPerStep = 16, kImagesPerGpuStep = 128;
constexpr std::size_t kTokensPerStep = 512, kTokensPerGpuStep = 16'384;

at::Device torch_device(const ComputeDevice& device) {
  if (device.kind == DeviceKind::kCpu) return at::kCPU;
  return {at::kCUDA, static_cast<at::DeviceIndex>(device.index)};
}

at::ScalarType torch_type(ComputePrecision precision) {
  switch (precision) {
    case ComputePrecision::kFp16:
      return at::kHalf;
    case ComputePrecision::kBf16:
      return at::kBFloat16;
    case ComputePrecision::kFp32:
      break;
  }
  return at::kFloat;
}

at::Tensor finished(at::Tensor features, bool normalize) {
  features = features.to(at::kFloat);
  // No epsilon: OpenAI's model divides by the norm as it is.
  return normalize ? features / features.norm(2, /*dim=*/-1, /*keepdim=*/true) : features;
}

void copy_out(const at::Tensor& features, float* destination) {
  const auto here = features.to(at::kCPU).contiguous();
  std::memcpy(destination, here.const_data_ptr<float>(), here.nbytes());
}

template <typename T>
at::Tensor borrowed(const T* memory, at::IntArrayRef shape, at::ScalarType type) {
  return at::from_blob(const_cast<T*>(memory), shape, at::TensorOptions().dtype(type));  // nothing writes to it
}

}  // namespace

TorchRunner::TorchRunner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision)
    : preprocessing_(model.directory.preprocessing),
      device_(torch_device(device)),
      type_(torch_type(precision)),
      dimension_(static_cast<std::size_t>(model.directory.config.embedding_dimension)),
      model_(std::make_shared<ClipModel>(model.directory.config)) {
  load_weights(*model_, model.checkpoint);
  const c10::InferenceMode inference;
  if (device.kind == DeviceKind::kCpu && precision == ComputePrecision::kFp32) {
    // The layers' kernels have copies of their own: what was read for them leaves memory as they are made.
    model_->prepare([&] { model.checkpoint.release_pages(); });
  } else {
    // fp32 is fp32: not what tensor cores make of it in convolutions.
    if (type_ == at::kFloat) at::globalContext().setAllowTF32CuDNN(false);
    model_->reduce(device_, type_);
    model.checkpoint.release_pages();
  }
}

std::size_t TorchRunner::images_per_step() const { return device_.is_cpu() ? kImagesPerStep : kImagesPerGpuStep; }
std::size_t TorchRunner::tokens_per_step() const { return device_.is_cpu() ? kTokensPerStep : kTokensPerGpuStep; }

at::Tensor TorchRunner::image_features(const at::Tensor& pixels, bool normalize) const {
  return finished(model_->visual->forward(pixels), normalize);
}

at::Tensor TorchRunner::text_features(const at::Tensor& ids, const at::Tensor& pooled, bool normalize) const {
  return finished(model_->text->forward(ids, pooled), normalize);
}

void TorchRunner::encode_pixels(const float* pixels, std::size_t n, bool normalize, float* features) {
  const c10::InferenceMode inference;
  const auto input = borrowed(pixels, {static_cast<std::int64_t>(n), 3, preprocessing_.height, preprocessing_.width}, at::kFloat);
  copy_out(image_features(input.to(device_), normalize), features);
}

void TorchRunner::encode_tokens(const TokenBatch& tokens, bool normalize, float* features) {
  const c10::InferenceMode inference;
  const auto rows = static_cast<std::int64_t>(tokens.rows);
  const auto ids = borrowed(tokens.ids.data(), {rows, static_cast<std::int64_t>(tokens.length)}, at::kLong);
  const auto pooled = borrowed(tokens.pooled.data(), {rows}, at::kLong);
  copy_out(text_features(ids.to(device_), pooled.to(device_), normalize), features);
}

}  // namespace clipdex::encoder
