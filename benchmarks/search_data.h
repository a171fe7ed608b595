// Vectors, queries and what an exact scan finds, for benchmarks that tell recall beside speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "benchmarks/clip_like_vectors.h"
#include "index/snapshot.h"

namespace clipdex::benchmarks {

// Row i is the i-th vector.
class SearchData {
 public:
  static constexpr std::size_t kDimension = ClipLikeVectors::kDimension, kQueries = 1024, kLimit = 10;

  // Scans all of it with the CPU.
  explicit SearchData(std::size_t rows);

  std::size_t rows() const { return numbers_.size(); }
  std::span<const std::uint64_t> numbers() const { return numbers_; }
  std::span<const float> vectors() const { return {vectors_.data.get(), vectors_.size}; }
  std::span<const float> queries(std::size_t n) const { return std::span(queries_).first(n * kDimension); }

  // The share of each of the queries' best rows that is among those found for it, on average. found: of the first queries.
  double recall(const std::vector<std::vector<std::uint64_t>>& found) const;
  double recall(const std::vector<std::vector<index::Hit>>& found) const;

 private:
  AlignedFloats vectors_;
  std::vector<std::uint64_t> numbers_;
  std::vector<float> queries_;
  std::vector<std::vector<std::uint64_t>> best_;  // of each query, ascending
};

}  // namespace clipdex::benchmarks
