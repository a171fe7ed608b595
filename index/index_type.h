// How an index may be built, and what its parts are called.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace clipdex::index {

enum class IndexType {
  kAuto,   // chosen by the number of rows and the memory there is (segment_plan.h)
  kFlat,   // every vector is looked at
  kHnsw,   // a graph beside the vectors (Malkov and Yashunin, arXiv:1603.09320)
  kIvfPq,  // inverted lists of product-quantised codes, refined with the vectors (Jégou et al., 2011)
};

// "auto", "flat", "hnsw", "ivf_pq".
std::string_view name_of(IndexType type);
std::optional<IndexType> index_type_of(std::string_view name);

// Both ends belong to it.
struct RowRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const RowRange&) const = default;
};

}  // namespace clipdex::index
