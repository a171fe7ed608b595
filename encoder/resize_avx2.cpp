#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "encoder/resize_passes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace clipdex::encoder {

#if defined(__x86_64__)

namespace {

#define CLIPDEX_AVX2 __attribute__((target("avx2")))

// A weight has up to 24 bits, and the fast multiplication (two 16-bit products and their sum at once) takes 16. So a weight w is taken
// apart into (w >> 15) and (w & 0x7FFF), both are summed up on their own, and put together at the end. Integers wrap around and their sums
// do not depend on an order: the result is the scalar one's to the bit.
constexpr int kLowBits = 15;
constexpr std::int32_t kLowMask = (1 << kLowBits) - 1;
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr int kTapsPerStep = 4;
constexpr int kRowsPerStep = 4;
constexpr std::size_t kReadBytes = 16;

// The weights of all positions in the order in which the horizontal pass takes them: a position's steps one after another, of four taps
// each, first the high halves, then the low ones. What is over in the last step is 0.
struct SplitWeights {
  int steps_per_position = 0;
  std::vector<std::int16_t> values;  // [positions, steps, 2, 4]
};

SplitWeights split(const Taps& taps) {
  SplitWeights split;
  split.steps_per_position = (taps.per_position + kTapsPerStep - 1) / kTapsPerStep;
  const std::size_t stride = static_cast<std::size_t>(split.steps_per_position) * 2 * kTapsPerStep;
  split.values.assign(stride * taps.first.size(), 0);
  for (std::size_t position = 0; position < taps.first.size(); ++position) {
    const std::int32_t* weights = taps.weights.data() + position * static_cast<std::size_t>(taps.per_position);
    for (std::size_t i = 0; i < static_cast<std::size_t>(taps.count[position]); ++i) {
      std::int16_t* step = split.values.data() + position * stride + i / kTapsPerStep * 2 * kTapsPerStep + i % kTapsPerStep;
      step[0] = static_cast<std::int16_t>(weights[i] >> kLowBits);
      step[kTapsPerStep] = static_cast<std::int16_t>(weights[i] & kLowMask);
    }
  }
  return split;
}

// Of 16 bytes, which are four pixels and more: in the lower lane the channels of the first two pixels in pairs, as 16-bit numbers, in the
// upper lane those of the third and fourth.
template <int kChannels>
constexpr std::array<std::int8_t, 32> pairing() {
  std::array<std::int8_t, 32> shuffle{};
  for (auto& source : shuffle) source = -1;  // gives 0
  for (std::size_t lane = 0; lane < 2; ++lane) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      for (std::size_t of_pair = 0; of_pair < 2; ++of_pair)
        shuffle[16 * lane + 4 * c + 2 * of_pair] = static_cast<std::int8_t>((2 * lane + of_pair) * kChannels + c);
    }
  }
  return shuffle;
}

CLIPDEX_AVX2 __m256i load(const void* at) { return _mm256_loadu_si256(static_cast<const __m256i*>(at)); }

CLIPDEX_AVX2 __m256i combined(__m256i high, __m256i low) {
  const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low), _mm256_set1_epi32(kHalf));
  return _mm256_srai_epi32(sum, kPrecisionBits);
}

struct HorizontalStep {
  const SplitWeights& weights;
  const Taps& taps;
  int positions;
};

// `rows` of one to four lines at once, so that weights are unpacked once for all of them. Each row must be readable up to 16 bytes behind
// the last step's first pixel.
template <int kChannels, int kRows>
CLIPDEX_AVX2 void horizontal_rows(const std::array<const std::uint8_t*, kRowsPerStep>& rows, const HorizontalStep& step,
                                  const std::array<std::uint8_t*, kRowsPerStep>& to) {
  static constexpr auto kPairing = pairing<kChannels>();
  const __m256i shuffle = load(kPairing.data());
  const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m256i spread_low = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
  const std::size_t stride = static_cast<std::size_t>(step.weights.steps_per_position) * 2 * kTapsPerStep;
  for (int x = 0; x < step.positions; ++x) {
    const auto position = static_cast<std::size_t>(x);
    const std::int16_t* weights = step.weights.values.data() + position * stride;
    std::size_t at = static_cast<std::size_t>(step.taps.first[position]) * kChannels;
    const int steps = (step.taps.count[position] + kTapsPerStep - 1) / kTapsPerStep;
    __m256i high[kRows], low[kRows];
    for (int r = 0; r < kRows; ++r) high[r] = low[r] = _mm256_setzero_si256();
    for (int i = 0; i < steps; ++i, at += std::size_t{kTapsPerStep} * kChannels, weights += std::ptrdiff_t{2} * kTapsPerStep) {
      const __m256i both = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
      const __m256i high_weights = _mm256_permutevar8x32_epi32(both, spread);
      const __m256i low_weights = _mm256_permutevar8x32_epi32(both, spread_low);
      for (int r = 0; r < kRows; ++r) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[static_cast<std::size_t>(r)] + at));
        const __m256i pairs = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), shuffle);
        high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(pairs, high_weights));
        low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(pairs, low_weights));
      }
    }
    for (int r = 0; r < kRows; ++r) {
      const __m256i lanes = _mm256_add_epi32(_mm256_slli_epi32(high[r], kLowBits), low[r]);
      const __m128i both_lanes = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
      const __m128i sum = _mm_srai_epi32(_mm_add_epi32(both_lanes, _mm_set1_epi32(kHalf)), kPrecisionBits);
      const auto pixel = static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(_mm_packs_epi32(sum, sum), _mm_setzero_si128())));
      std::memcpy(to[static_cast<std::size_t>(r)] + position * kChannels, &pixel, kChannels);
    }
  }
}

// Sixteen columns of one output row.
CLIPDEX_AVX2 void vertical_columns(const std::uint8_t* from, std::size_t stride, const std::int32_t* weights, int count, std::uint8_t* to) {
  __m256i high[2], low[2];
  for (int i = 0; i < 2; ++i) high[i] = low[i] = _mm256_setzero_si256();
  for (int i = 0; i < count; i += 2) {
    const bool has_second = i + 1 < count;
    const std::int32_t second_weight = has_second ? weights[i + 1] : 0;
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(has_second ? from + stride : from));
    from += 2 * stride;
    const auto pair = [](std::int32_t a, std::int32_t b) {
      return static_cast<std::int32_t>((static_cast<std::uint32_t>(b) << 16) | (static_cast<std::uint32_t>(a) & 0xFFFF));
    };
    const __m256i high_weights = _mm256_set1_epi32(pair(weights[i] >> kLowBits, second_weight >> kLowBits));
    const __m256i low_weights = _mm256_set1_epi32(pair(weights[i] & kLowMask, second_weight & kLowMask));
    const __m256i samples[2] = {_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second)),
                                _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(first, second))};
    for (int j = 0; j < 2; ++j) {
      high[j] = _mm256_add_epi32(high[j], _mm256_madd_epi16(samples[j], high_weights));
      low[j] = _mm256_add_epi32(low[j], _mm256_madd_epi16(samples[j], low_weights));
    }
  }
  // Packing works within lanes; the permutation puts the columns back into their order.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(combined(high[0], low[0]), combined(high[1], low[1])), 0b11'01'10'00);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

template <int kChannels>
void horizontal(const Image& in, const Taps& taps, int first_row, Image& out) {
  const SplitWeights weights = split(taps);
  const std::size_t row_bytes = static_cast<std::size_t>(in.width) * kChannels;
  // Steps read over the end of a row: into the next one, which weights of 0 make harmless, or over the picture's end, where a copy with
  // room behind it stands for the row.
  const std::size_t readable = row_bytes + std::size_t{kTapsPerStep - 1} * kChannels + kReadBytes;
  std::vector<std::uint8_t> copies;
  const HorizontalStep step{.weights = weights, .taps = taps, .positions = out.width};
  for (int y = 0; y < out.height; y += kRowsPerStep) {
    const int n = std::min(kRowsPerStep, out.height - y);
    std::array<const std::uint8_t*, kRowsPerStep> from{};
    std::array<std::uint8_t*, kRowsPerStep> to{};
    for (int r = 0; r < n; ++r) {
      const std::size_t begin = static_cast<std::size_t>(first_row + y + r) * row_bytes;
      const auto slot = static_cast<std::size_t>(r);
      from[slot] = in.pixels.data() + begin;
      to[slot] = out.pixels.data() + static_cast<std::size_t>(y + r) * static_cast<std::size_t>(out.width) * kChannels;
      if (begin + readable <= in.pixels.size()) continue;
      if (copies.empty()) copies.resize(readable * kRowsPerStep);
      std::memcpy(copies.data() + slot * readable, from[slot], row_bytes);
      from[slot] = copies.data() + slot * readable;
    }
    if (n == kRowsPerStep) {
      horizontal_rows<kChannels, kRowsPerStep>(from, step, to);
    } else {
      for (std::size_t r = 0; r < static_cast<std::size_t>(n); ++r) horizontal_rows<kChannels, 1>({from[r]}, step, {to[r]});
    }
  }
}

}  // namespace

bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }

void horizontal_pass_avx2(const Image& in, const Taps& taps, int first_row, Image& out) {
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

void vertical_pass_avx2(const Image& in, const Taps& taps, int first_row, Image& out) {
  constexpr std::size_t kColumns = 16;
  const std::size_t stride = static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.channels);
  if (stride < kColumns) return vertical_pass_scalar(in, taps, first_row, out);
  for (int y = 0; y < out.height; ++y) {
    const auto position = static_cast<std::size_t>(y);
    const std::int32_t* weights = taps.weights.data() + position * static_cast<std::size_t>(taps.per_position);
    const std::uint8_t* from = in.pixels.data() + static_cast<std::size_t>(taps.first[position] - first_row) * stride;
    std::uint8_t* to = out.pixels.data() + position * stride;
    // The last sixteen overlap those before them where the row does not end with a full step.
    for (std::size_t x = 0; x < stride; x += kColumns) {
      const std::size_t at = std::min(x, stride - kColumns);
      vertical_columns(from + at, stride, weights, taps.count[position], to + at);
    }
  }
}

#else

bool has_avx2() { return false; }
void horizontal_pass_avx2(const Image& in, const Taps& taps, int first_row, Image& out) {
  horizontal_pass_scalar(in, taps, first_row, out);
}
void vertical_pass_avx2(const Image& in, const Taps& taps, int first_row, Image& out) { vertical_pass_scalar(in, taps, first_row, out); }

#endif

}  // namespace clipdex::encoder
