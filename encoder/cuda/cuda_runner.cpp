#include "encoder/cuda/cuda_runner.h"

#include <ATen/cuda/CUDAEvent.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "encoder/cuda/captured_step.h"
#include "encoder/cuda/picture_upload.h"
#include "encoder/torch_runner.h"

namespace clipdex::encoder {
namespace {

// Lengths that a single text is padded to: each is a graph of its own.
constexpr std::int64_t kLengthStep = 8;
constexpr std::size_t kPicturesPerSlot = 128;

// Page-locked, so that copies go beside arithmetic.
at::Tensor pinned(at::IntArrayRef shape, at::ScalarType type) {
  return at::empty(shape, at::TensorOptions().dtype(type).pinned_memory(true));
}

class CudaRunner : public TorchRunner {
 public:
  CudaRunner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision)
      : TorchRunner(model, device, precision), context_(model.directory.config.text.context_length) {
    const c10::cuda::CUDAGuard guard(this->device());
    for (auto& slot : slots_) slot.emplace(preprocessing(), this->device());
  }

  bool takes_pictures() const override { return true; }

  // While one slot's pictures are computed, the next one's are gathered and copied.
  void encode_pictures(std::span<const DeviceImage> pictures, bool normalize, float* features) override {
    const c10::InferenceMode inference;
    const c10::cuda::CUDAGuard guard(device());
    for (std::size_t begin = 0, turn = 0; begin < pictures.size(); begin += kPicturesPerSlot, ++turn) {
      auto& slot = *slots_[turn % slots_.size()];
      slot.finish();
      const auto part = pictures.subspan(begin, std::min(kPicturesPerSlot, pictures.size() - begin));
      const c10::cuda::CUDAStreamGuard stream(slot.stream);
      const auto pixels = slot.upload.run(part, type());
      slot.start_reading(image_features(pixels, normalize), features);
      features += part.size() * dimension();
    }
    for (auto& slot : slots_) slot->finish();
  }

  void encode_pixels(const float* pixels, std::size_t n, bool normalize, float* features) override {
    const c10::InferenceMode inference;
    const c10::cuda::CUDAGuard guard(device());
    auto& slot = *slots_.front();
    const c10::cuda::CUDAStreamGuard stream(slot.stream);
    const auto values = pinned({static_cast<std::int64_t>(n), 3, preprocessing().height, preprocessing().width}, at::kFloat);
    std::memcpy(values.data_ptr(), pixels, values.nbytes());
    if (n > 1) {
      slot.start_reading(image_features(values.to(device(), /*non_blocking=*/true), normalize), features);
    } else {
      slot.start_reading(single_picture(normalize).run({values}), features);
    }
    slot.finish();
  }

  void encode_tokens(const TokenBatch& tokens, bool normalize, float* features) override {
    const c10::InferenceMode inference;
    const c10::cuda::CUDAGuard guard(device());
    auto& slot = *slots_.front();
    const c10::cuda::CUDAStreamGuard stream(slot.stream);
    const auto rows = static_cast<std::int64_t>(tokens.rows);
    auto length = static_cast<std::int64_t>(tokens.length);
    // What stands behind a row's end changes nothing.
    if (rows == 1) length = std::min((length + kLengthStep - 1) / kLengthStep * kLengthStep, context_);
    auto ids = pinned({rows, length}, at::kLong).zero_();
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(tokens.ids.begin() + row * static_cast<std::int64_t>(tokens.length), tokens.length,
                  ids.data_ptr<std::int64_t>() + row * length);
    }
    auto pooled = pinned({rows}, at::kLong);
    std::copy(tokens.pooled.begin(), tokens.pooled.end(), pooled.data_ptr<std::int64_t>());
    if (rows == 1) {
      slot.start_reading(single_text(length, normalize).run({ids, pooled}), features);
    } else {
      slot.start_reading(text_features(ids.to(device(), /*non_blocking=*/true), pooled.to(device(), /*non_blocking=*/true), normalize),
                         features);
    }
    slot.finish();
  }

 private:
  // What one stream works on.
  struct Slot {
    Slot(const Preprocessing& preprocessing, at::Device device)
        : stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device.index())), upload(preprocessing, device) {}

    // features: fp32 [n, dimension] on the device; `to` is filled by finish().
    void start_reading(const at::Tensor& features, float* to) {
      if (!result.defined() || result.numel() < features.numel()) result = pinned({features.numel()}, at::kFloat);
      count = features.numel();
      result.narrow(0, 0, count).copy_(features.flatten(), /*non_blocking=*/true);
      destination = to;
      done.record(stream);
    }

    void finish() {
      if (destination == nullptr) return;
      done.synchronize();
      std::memcpy(destination, result.const_data_ptr<float>(), static_cast<std::size_t>(count) * sizeof(float));
      destination = nullptr;
    }

    c10::cuda::CUDAStream stream;
    PictureUpload upload;
    at::Tensor result;
    std::int64_t count = 0;
    float* destination = nullptr;
    at::cuda::CUDAEvent done;
  };

  CapturedStep& single_text(std::int64_t length, bool normalize) {
    auto& step = texts_[{length, normalize}];
    if (!step) {
      const auto integers = at::TensorOptions().dtype(at::kLong).device(device());
      step = std::make_unique<CapturedStep>(
          std::vector<at::Tensor>{at::zeros({1, length}, integers), at::zeros({1}, integers)},
          [&](const std::vector<at::Tensor>& inputs) { return text_features(inputs[0], inputs[1], normalize); });
    }
    return *step;
  }

  CapturedStep& single_picture(bool normalize) {
    auto& step = pictures_[normalize ? 1 : 0];
    if (!step) {
      const auto pixels = at::zeros({1, 3, preprocessing().height, preprocessing().width}, at::TensorOptions().device(device()));
      step = std::make_unique<CapturedStep>(
          std::vector<at::Tensor>{pixels}, [&](const std::vector<at::Tensor>& inputs) { return image_features(inputs[0], normalize); });
    }
    return *step;
  }

  const std::int64_t context_;
  std::array<std::optional<Slot>, 2> slots_;
  std::map<std::pair<std::int64_t, bool>, std::unique_ptr<CapturedStep>> texts_;
  std::array<std::unique_ptr<CapturedStep>, 2> pictures_;
};

}  // namespace

std::unique_ptr<TowerRunner> make_cuda_runner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision) {
  return std::make_unique<CudaRunner>(model, device, precision);
}

}  // namespace clipdex::encoder
