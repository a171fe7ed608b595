#include "encoder/training/retrieval.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace clipdex::training {
namespace {

constexpr std::array<std::int64_t, 3> kRanks = {1, 5, 10};

at::Tensor matrix(std::span<const float> values, std::size_t dimension) {
  return at::from_blob(const_cast<float*>(values.data()),
                       {static_cast<std::int64_t>(values.size() / dimension), static_cast<std::int64_t>(dimension)}, at::kFloat);
}

// Of each row of `scores`, how many columns come before column own[row].
at::Tensor ranks(const at::Tensor& scores, const at::Tensor& own) {
  const auto of_own = scores.gather(1, own.unsqueeze(1));
  const auto columns = at::arange(scores.size(1));
  // What cannot be compared, because it is no number, comes before.
  return (~scores.le(of_own) | (scores.eq(of_own) & columns.unsqueeze(0).lt(own.unsqueeze(1)))).sum(1);
}

std::array<double, 3> shares(std::span<const std::int64_t> best) {
  std::array<double, 3> percent{};
  for (std::size_t i = 0; i < kRanks.size(); ++i) {
    const auto found = std::count_if(best.begin(), best.end(), [&](std::int64_t rank) { return rank < kRanks[i]; });
    percent[i] = best.empty() ? 0 : 100.0 * static_cast<double>(found) / static_cast<double>(best.size());
  }
  return percent;
}

}  // namespace

Recalls retrieval_recalls(std::span<const float> images, std::span<const float> texts, std::span<const std::uint32_t> image_of,
                          std::size_t dimension) {
  constexpr std::int64_t kRowsAtOnce = 1024;
  const auto image = matrix(images, dimension), text = matrix(texts, dimension);
  const auto n = image.size(0), captions = text.size(0);
  std::vector<std::int64_t> of_text, of_image(static_cast<std::size_t>(n), std::numeric_limits<std::int64_t>::max());
  std::vector<std::int64_t> own(image_of.begin(), image_of.end());
  const auto owner = at::from_blob(own.data(), {captions}, at::kLong);
  for (std::int64_t first = 0; first < captions; first += kRowsAtOnce) {
    const auto count = std::min(kRowsAtOnce, captions - first);
    const auto part = ranks(at::matmul(text.narrow(0, first, count), image.t()), owner.narrow(0, first, count)).contiguous();
    of_text.insert(of_text.end(), part.const_data_ptr<std::int64_t>(), part.const_data_ptr<std::int64_t>() + count);
  }
  // A picture's rank is that of the best of its own captions.
  for (std::int64_t first = 0; first < captions; first += kRowsAtOnce) {
    const auto count = std::min(kRowsAtOnce, captions - first);
    const auto scores = at::matmul(image.index_select(0, owner.narrow(0, first, count)), text.t());
    const auto part = ranks(scores, at::arange(first, first + count, at::kLong)).contiguous();
    for (std::int64_t i = 0; i < count; ++i) {
      auto& best = of_image[static_cast<std::size_t>(own[static_cast<std::size_t>(first + i)])];
      best = std::min(best, part.const_data_ptr<std::int64_t>()[i]);
    }
  }
  return {.images = static_cast<std::size_t>(n),
          .captions = static_cast<std::size_t>(captions),
          .text_to_image = shares(of_text),
          .image_to_text = shares(of_image)};
}

}  // namespace clipdex::training
