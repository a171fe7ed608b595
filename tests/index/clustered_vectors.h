// Unit vectors in clusters, and how much of the truth an approximate structure finds among them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "index/approximation.h"

namespace clipdex::tests {

class ClusteredVectors {
 public:
  ClusteredVectors(std::size_t n, std::size_t dimension) : n_(n), dimension_(dimension), random_(static_cast<unsigned>(n + dimension)) {
    const std::size_t clusters = n / 100 + 1;
    std::vector<float> centres(clusters * dimension);
    for (auto& x : centres) x = normal_(random_);
    std::uint64_t row = 1000;
    for (std::size_t i = 0; i < n; ++i) rows_.push_back(row += 1 + (random_() % 16 == 0 ? random_() % 4 : 0));
    vectors_ = draw(n, centres);
    queries_ = draw(kQueries, centres);
  }

  std::span<const std::uint64_t> rows() const { return rows_; }
  std::span<const float> row(std::size_t i) const { return std::span(vectors_).subspan(i * dimension_, dimension_); }
  std::span<const float> query(std::size_t i) const { return std::span(queries_).subspan(i * dimension_, dimension_); }
  std::span<const float> queries(std::size_t count) const { return std::span(queries_).first(count * dimension_); }
  void copy(std::size_t from, std::size_t to) {
    std::copy_n(vectors_.begin() + static_cast<std::ptrdiff_t>(from * dimension_), dimension_,
                vectors_.begin() + static_cast<std::ptrdiff_t>(to * dimension_));
  }

  index::ScanInput segment() const { return {.vectors = vectors_.data(), .rows = rows_, .dimension = dimension_}; }
  index::BuildInput build_input(int threads) const {
    return {.vectors = vectors_.data(), .n = n_, .dimension = dimension_, .threads = threads};
  }

 private:
  static constexpr std::size_t kQueries = 100;

  std::vector<float> draw(std::size_t n, const std::vector<float>& centres) {
    std::vector<float> vectors(n * dimension_);
    for (std::size_t i = 0; i < n; ++i) {
      const float* centre = centres.data() + random_() % (centres.size() / dimension_) * dimension_;
      float* x = vectors.data() + i * dimension_;
      double square = 0;
      for (std::size_t k = 0; k < dimension_; ++k) {
        x[k] = centre[k] + 0.7F * normal_(random_);
        square += double{x[k]} * double{x[k]};
      }
      for (std::size_t k = 0; k < dimension_; ++k) x[k] /= static_cast<float>(std::sqrt(square));
    }
    return vectors;
  }

  std::size_t n_, dimension_;
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::vector<std::uint64_t> rows_;
  std::vector<float> vectors_, queries_;
};

// Best first, as pairs that compare.
struct RowScore {
  std::uint64_t row;
  float score;
  bool operator==(const RowScore&) const = default;
};

inline std::vector<index::Hit> exact_hits(const index::ScanInput& segment, std::span<const float> query, std::size_t limit) {
  std::vector<std::vector<index::Hit>> hits(1);
  index::scan(segment, query, 1, limit, hits);
  return hits[0];
}

// The share of the best `limit` that is found; 0 if anything is found that must not be, is found twice or has another score than a scan
// gives, or if fewer are found than there are.
inline double recall(const index::Approximation& approximation, const index::ScanInput& segment, const ClusteredVectors& vectors,
                     std::size_t queries, std::size_t limit, std::size_t effort = 0) {
  std::size_t found = 0, all = 0;
  for (std::size_t i = 0; i < queries; ++i) {
    std::vector<std::vector<index::Hit>> hits(1);
    approximation.search(segment, vectors.query(i), 1, limit, effort, hits);
    const auto possible = exact_hits(segment, vectors.query(i), segment.rows.size());
    std::unordered_map<std::uint64_t, float> score_of;
    std::vector<float> scores;
    for (const auto& hit : possible) {
      score_of[hit.row] = hit.score;
      scores.push_back(hit.score);
    }
    const std::size_t wanted = std::min(limit, scores.size());
    if (hits[0].size() < wanted) return 0;
    if (wanted == 0) continue;
    std::nth_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(wanted - 1), scores.end(), std::greater<>());
    std::size_t good = 0;
    for (const auto& hit : hits[0]) {
      // Found once: what was is no longer possible.
      const auto at = score_of.find(hit.row);
      if (at == score_of.end() || at->second != hit.score) return 0;
      score_of.erase(at);
      good += hit.score >= scores[wanted - 1];
    }
    all += wanted;
    found += std::min(good, wanted);
  }
  return all == 0 ? 1 : static_cast<double>(found) / static_cast<double>(all);
}

inline std::vector<RowScore> sorted(const std::vector<index::Hit>& hits) {
  std::vector<RowScore> all;
  for (const auto& hit : hits) all.push_back({hit.row, hit.score});
  std::sort(all.begin(), all.end(),
            [](const RowScore& a, const RowScore& b) { return a.score != b.score ? a.score > b.score : a.row < b.row; });
  return all;
}

inline std::string written(const index::Approximation& approximation) {
  std::ostringstream out;
  approximation.write(out);
  return std::move(out).str();
}

inline std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace clipdex::tests
