#include "encoder/training/batch_tensors.h"

#include <algorithm>
#include <utility>

namespace clipdex::training {

TextTensors text_tensors(std::span<const std::vector<std::int32_t>> texts, at::Device device) {
  std::size_t length = 1;
  for (const auto& ids : texts) length = std::max(length, ids.size());
  const auto n = static_cast<std::int64_t>(texts.size());
  auto tokens = at::zeros({n, static_cast<std::int64_t>(length)}, at::kLong);
  auto pooled_at = at::empty({n}, at::kLong);
  auto* ids = tokens.data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::copy(texts[i].begin(), texts[i].end(), ids + i * length);
    // The first end token, as at inference: a caption may spell one.
    pooled_at.data_ptr<std::int64_t>()[i] = std::find(texts[i].begin(), texts[i].end(), texts[i].back()) - texts[i].begin();
  }
  return {.tokens = tokens.to(device), .pooled_at = pooled_at.to(device)};
}

BatchTensors::BatchTensors(Batch batch, const encoder::Preprocessing& preprocessing, at::Device device)
    : batch_(std::move(batch)),
      device_(device),
      pixels_(at::from_blob(batch_.pixels.data(), {static_cast<std::int64_t>(batch_.pairs), 3, preprocessing.height, preprocessing.width},
                            at::kFloat)) {}

TextTensors BatchTensors::texts(std::int64_t first, std::int64_t count) const {
  return text_tensors(std::span(batch_.tokens).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)), device_);
}

}  // namespace clipdex::training
