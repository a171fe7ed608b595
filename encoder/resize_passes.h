// The two passes of a resize, on any CPU and with AVX2: the same result to the bit. Private to encoder/.
#pragma once

#include <cstdint>
#include <vector>

#include "encoder/image.h"

namespace clipdex::encoder {

inline constexpr int kPrecisionBits = 32 - 8 - 2;  // Pillow's PRECISION_BITS, of a weight

// For every output position: where its taps begin, how many they are, and their fixed-point weights.
struct Taps {
  int per_position = 0;
  std::vector<int> first, count;
  std::vector<std::int32_t> weights;  // [positions, per_position]; 0 behind `count`
};

// in: [rows, width, channels] -> out: [out.height, positions, channels], from in's rows [first_row, first_row + out.height).
// Chooses the fastest implementation that the CPU has.
void horizontal_pass(const Image& in, const Taps& taps, int first_row, Image& out);

// in: [rows, width, channels] -> out: [positions, width, channels]. `first_row`: the row of the whole picture that in's row 0 stands for.
void vertical_pass(const Image& in, const Taps& taps, int first_row, Image& out);

// For any CPU, and what the others are tested against.
void horizontal_pass_scalar(const Image& in, const Taps& taps, int first_row, Image& out);
void vertical_pass_scalar(const Image& in, const Taps& taps, int first_row, Image& out);

// Only where has_avx2() says so.
bool has_avx2();
void horizontal_pass_avx2(const Image& in, const Taps& taps, int first_row, Image& out);
void vertical_pass_avx2(const Image& in, const Taps& taps, int first_row, Image& out);

}  // namespace clipdex::encoder
