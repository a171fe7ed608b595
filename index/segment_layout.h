// Where in a segment file what begins. Private to index/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace clipdex::index {

// Vectors begin at multiples of it: a cache line, and the widest register there is.
inline constexpr std::size_t kSegmentAlignment = 64;

inline constexpr std::array<char, kSegmentAlignment> kSegmentHeader{'c', 'l', 'p', 'x', 's', 'e', 'g', '\0'};

// Offsets in bytes.
struct SegmentLayout {
  SegmentLayout(std::uint64_t n, std::uint64_t dimension)
      : vectors(aligned(rows + n * sizeof(std::uint64_t))), approximation(aligned(vectors + n * dimension * sizeof(float))) {}

  std::uint64_t rows = kSegmentAlignment;
  std::uint64_t vectors;
  std::uint64_t approximation;

 private:
  static std::uint64_t aligned(std::uint64_t offset) { return (offset + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment; }
};

}  // namespace clipdex::index
