// An inverted file with product quantisation, as a device can take it over. Private to index/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace clipdex::index {

// Vectors that are compared by themselves after their codes were: so many for each that is asked for, and never fewer than this.
inline constexpr std::size_t kLeastRefined = 160;
inline constexpr std::size_t kRefinedPerHit = 4;
// Codes that are compared for each vector that is compared again, at least.
inline constexpr std::size_t kCodesPerRefined = 20;

inline std::size_t refined_for(std::size_t limit) { return std::max(kLeastRefined, limit * kRefinedPerHit); }

// Lists that are to be looked at so that the `refined` vectors with the best codes are worth comparing: `usual`, or as many as hold the
// codes for that, of n vectors in so many lists.
inline std::size_t probes_for(std::size_t refined, std::size_t usual, std::size_t n, std::size_t lists) {
  if (n == 0) return 0;
  return std::min(lists, std::max(usual, (refined * kCodesPerRefined * lists + n - 1) / n));
}

// A view: the structure that it is of must outlive it. A vector is about the centroid of its list, plus the code centroids of its codes.
struct QuantizedLists {
  static constexpr std::size_t kCodes = 256;  // values of a code

  std::size_t n = 0;
  std::size_t dimension = 0;
  std::size_t codes_per_vector = 0;            // divides the dimension
  std::size_t probes = 0;                      // lists that a search looks at unless told otherwise
  std::span<const float> centroids;            // [lists, dimension]
  std::span<const float> code_centroids;       // [dimension, kCodes]: of each dimension, by the code of the part that it belongs to
  std::span<const std::uint32_t> list_starts;  // [lists + 1], of what follows
  std::span<const std::uint32_t> positions;    // [n]: the vectors, list by list
  std::span<const std::uint8_t> codes;         // [n, codes_per_vector], in the same order

  std::size_t lists() const { return list_starts.empty() ? 0 : list_starts.size() - 1; }
};

}  // namespace clipdex::index
