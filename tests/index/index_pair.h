// The same rows in an index with a device and in one without.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/rounding_device.h"

namespace clipdex::tests {

using namespace clipdex::index;

inline constexpr std::size_t kPairDimension = 32;
inline constexpr std::size_t kPairRows = 25'000;
inline constexpr std::size_t kPairBytes = kPairRows * kPairDimension * 2;  // on a device

// Unit vectors in clusters so dense that fp16 cannot tell their members apart.
inline std::vector<float> dense_vectors(std::size_t n, unsigned seed) {
  constexpr std::size_t kClusters = 50;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> centers(kClusters * kPairDimension), vectors(n * kPairDimension);
  for (auto& value : centers) value = normal(random);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    auto* vector = vectors.data() + i * kPairDimension;
    const float spread = i % 2 == 0 ? 1e-4F : 0.5F;
    for (std::size_t d = 0; d < kPairDimension; ++d) {
      vector[d] = centers[i % kClusters * kPairDimension + d] + spread * normal(random);
      sum += static_cast<double>(vector[d]) * vector[d];
    }
    for (std::size_t d = 0; d < kPairDimension; ++d) vector[d] = static_cast<float>(vector[d] / std::sqrt(sum));
  }
  return vectors;
}

// Until none of them has anything to do.
inline void maintain_all(std::initializer_list<VectorIndex*> indexes) {
  for (auto* index : indexes) {
    while (index->maintain()) {
    }
  }
}

struct IndexPair {
  explicit IndexPair(IndexType type = IndexType::kFlat, bool builds_graphs = false)
      : with(options(type, device)), without(options(IndexType::kFlat, nullptr)) {
    log.builds_graphs = builds_graphs;
    fill();
  }
  explicit IndexPair(std::shared_ptr<Accelerator> its_device)
      : device(std::move(its_device)), with(options(IndexType::kFlat, device)), without(options(IndexType::kFlat, nullptr)) {
    fill();
  }

  void fill() {
    std::vector<std::uint64_t> rows(kPairRows);
    for (std::size_t i = 0; i < kPairRows; ++i) rows[i] = 10 + i;
    for (auto* index : {&with, &without}) {
      index->apply(rows, vectors, {});
      index->seal();
    }
    upkeep();
  }

  static IndexOptions options(IndexType type, std::shared_ptr<Accelerator> accelerator) {
    IndexOptions options;
    options.dimension = kPairDimension;
    options.type = type;
    options.seal_rows = kPairRows;
    options.accelerator = std::move(accelerator);
    return options;
  }

  void upkeep() { maintain_all({&with, &without}); }

  void remove(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> removed;
    for (auto row = first; row < last; ++row) removed.push_back(row);
    for (auto* index : {&with, &without}) index->apply({}, {}, removed);
  }

  // How many of 40 queries' hits differ.
  std::size_t differences(std::size_t limit, bool exact = false, std::size_t effort = 0) const {
    constexpr std::size_t kQueries = 40;
    const std::span queries(vectors.data(), kQueries * kPairDimension);
    SearchOptions search;
    search.limit = limit;
    search.exact = exact;
    search.effort = effort;
    const auto a = with.snapshot()->search(queries, kQueries, search), b = without.snapshot()->search(queries, kQueries, search);
    std::size_t different = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
      different += std::equal(a[i].begin(), a[i].end(), b[i].begin(), b[i].end(),
                              [](const Hit& x, const Hit& y) { return x.row == y.row && x.score == y.score; })
                       ? 0
                       : 1;
    }
    return different;
  }

  std::size_t device_bytes() const { return with.snapshot()->statistics().device_bytes; }

  DeviceLog log;
  std::shared_ptr<Accelerator> device = std::make_shared<RoundingDevice>(log);
  std::vector<float> vectors = dense_vectors(kPairRows, 5);
  VectorIndex with, without;
};

}  // namespace clipdex::tests
