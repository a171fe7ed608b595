// What a storage knows of an index's rows, in plain maps: the model that an index is compared with, and what it is recovered from.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "index/row_set.h"
#include "index/vector_index.h"

namespace clipdex::tests {

using Rows = std::vector<std::uint64_t>;
using Vector = std::vector<float>;

// Unit vectors, of which every tenth or so is a copy of one before: equal scores are usual.
class UnitVectors {
 public:
  UnitVectors(unsigned seed, std::size_t dimension) : random_(seed), dimension_(dimension) {}
  Vector next() {
    if (!last_.empty() && random_() % 10 == 0) return last_;
    Vector v(dimension_);
    float sum = 0;
    for (auto& x : v) {
      x = normal_(random_);
      sum += x * x;
    }
    for (auto& x : v) x /= std::sqrt(sum);
    return last_ = v;
  }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::size_t dimension_;
  Vector last_;
};

struct StoredRows {
  std::map<std::uint64_t, Vector> live;
  std::map<std::uint64_t, Rows> removals;  // by operation
  std::uint64_t sequence = 0;
  std::uint64_t next_row = 0;
  std::string manifest;  // of the last durable checkpoint

  // One operation, done to the index as well.
  void apply(index::VectorIndex& index, const std::vector<std::pair<std::uint64_t, Vector>>& added, const Rows& removed) {
    ++sequence;
    Rows rows;
    Vector values;
    for (const auto& [row, vector] : added) {
      rows.push_back(row);
      values.insert(values.end(), vector.begin(), vector.end());
      live[row] = vector;
      next_row = row + 1;
    }
    for (const auto row : removed) live.erase(row);
    if (!removed.empty()) removals[sequence] = removed;
    index.apply(rows, values, removed, sequence);
  }

  void add(index::VectorIndex& index, UnitVectors& vectors, std::size_t n) {
    std::vector<std::pair<std::uint64_t, Vector>> added;
    for (std::size_t i = 0; i < n; ++i) added.emplace_back(next_row + i, vectors.next());
    apply(index, added, {});
  }

  // False: there was nothing to say.
  bool checkpoint(index::VectorIndex& index) {
    const auto checkpoint = index.checkpoint();
    if (!checkpoint) return false;
    manifest = checkpoint->manifest;
    index.checkpointed(*checkpoint);
    return true;
  }

  Rows live_rows(index::RowRange range, Vector& values) const {
    Rows rows;
    for (auto row = live.lower_bound(range.first); row != live.end() && row->first <= range.last; ++row) {
      rows.push_back(row->first);
      values.insert(values.end(), row->second.begin(), row->second.end());
    }
    return rows;
  }

  // Opens the index and does what the report asks for.
  std::unique_ptr<index::VectorIndex> recover(const index::IndexOptions& options, index::OpenReport& report) const {
    auto index = index::VectorIndex::open(options, manifest, report);
    for (const auto& range : report.missing) {
      // In two pieces, the second first.
      const auto middle = range.first + (range.last - range.first) / 2;
      std::vector<index::RowRange> pieces{{range.first, middle}};
      if (middle < range.last) pieces.insert(pieces.begin(), {middle + 1, range.last});
      for (const auto& piece : pieces) {
        Vector values;
        const auto rows = live_rows(piece, values);
        index->restore(piece, rows, values);
      }
    }
    Vector values;
    const auto rows = live_rows({report.next_row, UINT64_MAX}, values);
    index->apply(rows, values, {}, report.sequence);
    for (auto operation = removals.upper_bound(report.sequence); operation != removals.end(); ++operation)
      index->apply({}, {}, operation->second, operation->first);
    index->apply({}, {}, {}, sequence);
    return index;
  }
};

inline std::vector<index::Hit> brute_force(const std::map<std::uint64_t, Vector>& live, const Vector& query, std::size_t limit,
                                           const index::RowSet* allowed = nullptr) {
  std::vector<index::Hit> hits;
  for (const auto& [row, vector] : live) {
    float score = 0;
    for (std::size_t i = 0; i < query.size(); ++i) score += vector[i] * query[i];
    if (allowed == nullptr || allowed->contains(row)) hits.push_back({row, score});
  }
  std::stable_sort(hits.begin(), hits.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  hits.resize(std::min(limit, hits.size()));
  return hits;
}

// Rows may change places where their scores are equal but for rounding.
inline void check_exact(const index::VectorIndex& index, const StoredRows& stored, UnitVectors& vectors,
                        const index::RowSet* allowed = nullptr, std::size_t limit = 20) {
  const auto query = vectors.next();
  const auto hits = index.snapshot()->search(query, 1, {.limit = limit, .exact = true, .allowed = allowed}).at(0);
  const auto expected = brute_force(stored.live, query, limit, allowed);
  REQUIRE(hits.size() == expected.size());
  std::set<std::uint64_t> seen;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    REQUIRE(std::abs(hits[i].score - expected[i].score) < 1e-5F);
    REQUIRE(stored.live.contains(hits[i].row));
    REQUIRE(seen.insert(hits[i].row).second);
    if (i > 0) REQUIRE((hits[i - 1].score > hits[i].score || hits[i - 1].row < hits[i].row));
    if (allowed != nullptr) REQUIRE(allowed->contains(hits[i].row));
  }
  REQUIRE(index.snapshot()->statistics().rows == stored.live.size());
}

inline constexpr std::size_t kRecallQueries = 40;

// Of the best 10 of so many queries, what share an approximate search finds.
inline double recall(const index::VectorIndex& index, const StoredRows& stored, UnitVectors& vectors,
                     const index::RowSet* allowed = nullptr, std::size_t effort = 0) {
  std::size_t found = 0, wanted = 0;
  for (std::size_t i = 0; i < kRecallQueries; ++i) {
    const auto query = vectors.next();
    const auto hits = index.snapshot()->search(query, 1, {.limit = 10, .allowed = allowed, .effort = effort}).at(0);
    const auto expected = brute_force(stored.live, query, 10, allowed);
    wanted += expected.size();
    for (const auto& hit : hits) {
      REQUIRE(stored.live.contains(hit.row));
      if (allowed != nullptr) REQUIRE(allowed->contains(hit.row));
      if (!expected.empty() && hit.score >= expected.back().score - 1e-5F) ++found;
    }
  }
  return wanted == 0 ? 1.0 : static_cast<double>(std::min(found, wanted)) / static_cast<double>(wanted);
}

inline std::set<std::string> file_names(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename().string());
  return names;
}

inline std::set<std::string> file_names(const index::VectorIndex& index) {
  std::set<std::string> names;
  for (const auto& file : index.files()) names.insert(file.filename().string());
  return names;
}

inline void maintain_all(index::VectorIndex& index) {
  int steps = 0;
  while (index.maintain()) REQUIRE(++steps < 1000);
}

}  // namespace clipdex::tests
