#include "encoder/resize_passes.h"

#include <algorithm>
#include <cstddef>

namespace clipdex::encoder {
namespace {

constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

std::uint8_t rounded(std::int32_t accumulated) { return static_cast<std::uint8_t>(std::clamp(accumulated >> kPrecisionBits, 0, 255)); }

template <int kChannels>
void horizontal(const Image& in, const Taps& taps, int first_row, Image& out) {
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* row = in.pixels.data() + static_cast<std::size_t>(y + first_row) * static_cast<std::size_t>(in.width) * kChannels;
    std::uint8_t* to = out.pixels.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(out.width) * kChannels;
    for (int x = 0; x < out.width; ++x) {
      const auto position = static_cast<std::size_t>(x);
      const std::int32_t* weights = taps.weights.data() + position * static_cast<std::size_t>(taps.per_position);
      const std::uint8_t* from = row + static_cast<std::size_t>(taps.first[position]) * kChannels;
      std::int32_t sums[kChannels];
      std::fill_n(sums, kChannels, kHalf);
      for (int i = 0; i < taps.count[position]; ++i) {
        for (int c = 0; c < kChannels; ++c) sums[c] += from[i * kChannels + c] * weights[i];
      }
      for (int c = 0; c < kChannels; ++c) to[x * kChannels + c] = rounded(sums[c]);
    }
  }
}

}  // namespace

void horizontal_pass_scalar(const Image& in, const Taps& taps, int first_row, Image& out) {
  switch (in.channels) {
    case 1:
      return horizontal<1>(in, taps, first_row, out);
    case 2:
      return horizontal<2>(in, taps, first_row, out);
    case 3:
      return horizontal<3>(in, taps, first_row, out);
    default:
      return horizontal<4>(in, taps, first_row, out);
  }
}

// Whole rows at a time, so that the inner loop runs along memory.
void vertical_pass_scalar(const Image& in, const Taps& taps, int first_row, Image& out) {
  const std::size_t stride = static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.channels);
  std::vector<std::int32_t> sums(stride);
  for (int y = 0; y < out.height; ++y) {
    const auto position = static_cast<std::size_t>(y);
    const std::int32_t* weights = taps.weights.data() + position * static_cast<std::size_t>(taps.per_position);
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int i = 0; i < taps.count[position]; ++i) {
      const std::uint8_t* from = in.pixels.data() + static_cast<std::size_t>(taps.first[position] - first_row + i) * stride;
      const std::int32_t weight = weights[i];
      for (std::size_t x = 0; x < stride; ++x) sums[x] += from[x] * weight;
    }
    std::uint8_t* to = out.pixels.data() + position * stride;
    for (std::size_t x = 0; x < stride; ++x) to[x] = rounded(sums[x]);
  }
}

void horizontal_pass(const Image& in, const Taps& taps, int first_row, Image& out) {
  return has_avx2() ? horizontal_pass_avx2(in, taps, first_row, out) : horizontal_pass_scalar(in, taps, first_row, out);
}

void vertical_pass(const Image& in, const Taps& taps, int first_row, Image& out) {
  return has_avx2() ? vertical_pass_avx2(in, taps, first_row, out) : vertical_pass_scalar(in, taps, first_row, out);
}

}  // namespace clipdex::encoder
