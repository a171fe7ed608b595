// An immutable run of rows. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/scan.h"

namespace clipdex::index {

// Immutable after construction: any number of threads may search it.
class SealedSegment {
 public:
  // Copies. rows ascend; vectors: [rows.size(), dimension].
  SealedSegment(std::span<const std::uint64_t> rows, const float* vectors, std::size_t dimension);
  SealedSegment(const SealedSegment&) = delete;
  SealedSegment& operator=(const SealedSegment&) = delete;

  std::span<const std::uint64_t> rows() const { return rows_; }
  // As scan().
  void search(std::span<const float> queries, std::size_t n, std::size_t limit, const Tombstones* deleted,
              std::vector<std::vector<Hit>>& hits) const;
  std::size_t memory_bytes() const;

 private:
  std::vector<std::uint64_t> rows_;
  std::vector<float> vectors_;
  std::size_t dimension_;
};

}  // namespace clipdex::index
