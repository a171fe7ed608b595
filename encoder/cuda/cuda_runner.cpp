#include "encoder/cuda/cuda_runner.h"

#include <ATen/cuda/CUDAEvent.h>
#include <c10/core/InferenceMode.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
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
// Half of a step (images_per_step()), so that both slots have work.
constexpr std::size_t kPicturesPerSlot = 64;

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
    // The weights came on this stream; the slots have others.
    c10::cuda::getCurrentCUDAStream(this->device().index()).synchronize();
  }

  bool takes_pictures() const override { return true; }

  // While one slot's pictures are computed, the next one's are gathered and copied.
  void encode_pictures(std::span<const DeviceImage> pictures, bool normalize, float* features) override {
    const c10::InferenceMode inference;
    const c10::cuda::CUDAGuard guard(device());
    const Settled settled(slots_);
    for (std::size_t begin = 0, turn = 0; begin < pictures.size(); begin += kPicturesPerSlot, ++turn) {
      auto& slot = *slots_[turn % slots_.size()];
      slot.begin();
      const auto part = pictures.subspan(begin, std::min(kPicturesPerSlot, pictures.size() - begin));
      const c10::cuda::CUDAStreamGuard stream(slot.stream);
      const auto pixels = slot.upload.run(part, type());
      auto* single = pictures.size() == 1 ? single_picture(normalize) : nullptr;
      slot.start_reading(single != nullptr ? single->run({pixels}) : image_features(pixels, normalize), features);
      features += part.size() * dimension();
    }
    for (auto& slot : slots_) slot->finish();
  }

  void encode_pixels(const float* pixels, std::size_t n, bool normalize, float* features) override {
    const auto values = pinned({static_cast<std::int64_t>(n), 3, preprocessing().height, preprocessing().width}, at::kFloat);
    std::memcpy(values.data_ptr(), pixels, values.nbytes());
    on_first_slot(features, [&] { return image_features(values.to(device(), type(), /*non_blocking=*/true), normalize); });
  }

  void encode_tokens(const TokenBatch& tokens, bool normalize, float* features) override {
    const auto rows = static_cast<std::int64_t>(tokens.rows);
    auto length = static_cast<std::int64_t>(tokens.length);
    // What stands behind a row's end changes nothing.
    if (rows == 1) length = std::min((length + kLengthStep - 1) / kLengthStep * kLengthStep, context_);
    const auto ids = pinned({rows, length}, at::kLong);
    std::memset(ids.data_ptr(), 0, ids.nbytes());
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(tokens.ids.begin() + row * static_cast<std::int64_t>(tokens.length), tokens.length,
                  ids.data_ptr<std::int64_t>() + row * length);
    }
    const auto pooled = pinned({rows}, at::kLong);
    std::copy(tokens.pooled.begin(), tokens.pooled.end(), pooled.data_ptr<std::int64_t>());
    on_first_slot(features, [&] {
      auto* single = rows == 1 ? single_text(length, normalize) : nullptr;
      if (single != nullptr) return single->run({ids, pooled});
      return text_features(ids.to(device(), /*non_blocking=*/true), pooled.to(device(), /*non_blocking=*/true), normalize);
    });
  }

 private:
  // What one stream works on.
  struct Slot {
    Slot(const Preprocessing& preprocessing, at::Device device)
        : stream(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device.index())), upload(preprocessing, device) {}

    // Before anything is put on the stream.
    void begin() {
      finish();
      busy = true;
    }

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
      busy = false;
    }

    void abandon() noexcept {
      if (!busy) return;
      destination = nullptr;
      busy = false;
      cudaStreamSynchronize(stream.stream());  // an error is met by who asks next
    }

    c10::cuda::CUDAStream stream;
    PictureUpload upload;
    at::Tensor result;
    std::int64_t count = 0;
    bool busy = false;             // something may be under way
    float* destination = nullptr;  // not null: a result is on its way
    at::cuda::CUDAEvent done;
  };

  // However a call ends, nothing is under way when it has, and nobody writes to its memory any more.
  class Settled {
   public:
    explicit Settled(std::array<std::optional<Slot>, 2>& slots) : slots_(slots) {}
    ~Settled() {
      for (auto& slot : slots_) slot->abandon();
    }
    Settled(const Settled&) = delete;
    Settled& operator=(const Settled&) = delete;

   private:
    std::array<std::optional<Slot>, 2>& slots_;
  };

  // `work()` gives features that the first slot's stream computes.
  template <typename Work>
  void on_first_slot(float* features, const Work& work) {
    const c10::InferenceMode inference;
    const c10::cuda::CUDAGuard guard(device());
    const Settled settled(slots_);
    auto& slot = *slots_.front();
    slot.begin();
    const c10::cuda::CUDAStreamGuard stream(slot.stream);
    slot.start_reading(work(), features);
    slot.finish();
  }

  // nullptr: no graph could be made of it (of memory), and it is launched piece by piece.
  using Graph = std::optional<std::unique_ptr<CapturedStep>>;
  static CapturedStep* captured(Graph& graph, const std::function<std::vector<at::Tensor>()>& inputs, const CapturedStep::Step& step) {
    if (!graph) {
      graph.emplace();
      try {
        *graph = std::make_unique<CapturedStep>(inputs(), step);
      } catch (const c10::Error&) {
      }
    }
    return graph->get();
  }

  CapturedStep* single_text(std::int64_t length, bool normalize) {
    const auto inputs = [&] {
      const auto integers = at::TensorOptions().dtype(at::kLong).device(device());
      return std::vector<at::Tensor>{at::zeros({1, length}, integers), at::zeros({1}, integers)};
    };
    return captured(texts_[{length, normalize}], inputs,
                    [&](const std::vector<at::Tensor>& given) { return text_features(given[0], given[1], normalize); });
  }

  CapturedStep* single_picture(bool normalize) {
    const auto inputs = [&] {
      const auto options = at::TensorOptions().dtype(type()).device(device());
      return std::vector<at::Tensor>{at::zeros({1, 3, preprocessing().height, preprocessing().width}, options)};
    };
    return captured(pictures_[normalize ? 1 : 0], inputs,
                    [&](const std::vector<at::Tensor>& given) { return image_features(given[0], normalize); });
  }

  const std::int64_t context_;
  std::array<std::optional<Slot>, 2> slots_;
  std::map<std::pair<std::int64_t, bool>, Graph> texts_;
  std::array<Graph, 2> pictures_;
};

}  // namespace

std::unique_ptr<TowerRunner> make_cuda_runner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision) {
  return std::make_unique<CudaRunner>(model, device, precision);
}

}  // namespace clipdex::encoder
