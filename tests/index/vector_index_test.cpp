#include "index/vector_index.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <thread>

#include "index/row_set.h"

namespace {

using clipdex::index::Hit;
using clipdex::index::IndexType;
using clipdex::index::RowSetBuilder;
using clipdex::index::SearchOptions;
using clipdex::index::VectorIndex;
using Rows = std::vector<std::uint64_t>;
using Vector = std::vector<float>;

constexpr std::size_t kDimension = 24;

class Vectors {
 public:
  explicit Vectors(unsigned seed) : random_(seed) {}
  Vector unit() {
    Vector v(kDimension);
    float sum = 0;
    for (auto& x : v) {
      x = normal_(random_);
      sum += x * x;
    }
    for (auto& x : v) x /= std::sqrt(sum);
    return v;
  }
  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
};

float inner_product(const Vector& a, const Vector& b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<Hit> brute_force(const std::map<std::uint64_t, Vector>& live, const Vector& query, std::size_t limit) {
  std::vector<Hit> hits;
  for (const auto& [row, vector] : live) hits.push_back({row, inner_product(vector, query)});
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  hits.resize(std::min(limit, hits.size()));
  return hits;
}

}  // namespace

TEST_CASE("an index equals brute force after random additions, removals and sealings") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  Vectors vectors(seed);
  VectorIndex index({.dimension = kDimension, .seal_rows = 37});
  std::map<std::uint64_t, Vector> live;
  std::uint64_t next_row = 5;
  for (int step = 0; step < 200; ++step) {
    Rows added, removed;
    Vector values;
    for (auto n = vectors.random()() % 9; n > 0; --n) {
      next_row += 1 + vectors.random()() % 3;
      const auto vector = vectors.unit();
      added.push_back(next_row);
      values.insert(values.end(), vector.begin(), vector.end());
      live[next_row] = vector;
    }
    for (auto n = vectors.random()() % 5; n > 0 && !live.empty(); --n) {
      const auto victim = std::next(live.begin(), static_cast<std::ptrdiff_t>(vectors.random()() % live.size()));
      removed.push_back(victim->first);
      live.erase(victim);
    }
    removed.push_back(1'000'000);  // one that is not there
    index.apply(added, values, removed);
    const auto query = vectors.unit();
    const auto hits = index.snapshot()->search(query, 1, {.limit = 12}).at(0);
    const auto expected = brute_force(live, query, 12);
    REQUIRE(hits.size() == expected.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
      CHECK(hits[i].row == expected[i].row);
      CHECK_THAT(hits[i].score, Catch::Matchers::WithinAbs(expected[i].score, 1e-5));
    }
  }
  const auto statistics = index.snapshot()->statistics();
  CHECK(statistics.rows == live.size());
  CHECK(statistics.segments > 3);
}

TEST_CASE("many queries at once give what each gives alone") {
  Vectors vectors(9);
  // The scan takes rows by 64, or by 256 for up to 4 queries, and queries by 48.
  const std::size_t n_queries = GENERATE(4U, 5U, 48U, 49U, 100U);
  VectorIndex index(
      {.dimension = kDimension, .seal_rows = GENERATE(std::size_t{64}, std::size_t{100}, std::size_t{256}, std::size_t{1000})});
  Rows rows;
  Vector values, queries;
  for (std::uint64_t row = 0; row < 300; ++row) {
    rows.push_back(row);
    const auto vector = vectors.unit();
    values.insert(values.end(), vector.begin(), vector.end());
  }
  index.apply(rows, values, Rows{3, 120, 249});
  for (std::size_t i = 0; i < n_queries; ++i) {
    const auto query = vectors.unit();
    queries.insert(queries.end(), query.begin(), query.end());
  }
  const auto snapshot = index.snapshot();
  const auto together = snapshot->search(queries, n_queries, {.limit = 7});
  for (std::size_t i = 0; i < n_queries; ++i) {
    const auto alone = snapshot->search(std::span(queries).subspan(i * kDimension, kDimension), 1, {.limit = 7}).at(0);
    REQUIRE(together[i].size() == alone.size());
    for (std::size_t j = 0; j < alone.size(); ++j) CHECK(together[i][j].row == alone[j].row);
  }
}

TEST_CASE("searches that wait for each other's passes, with limits, bounds and filters of their own, find what each finds alone") {
  Vectors vectors(12);
  // More than a pass that is made without waiting reads.
  constexpr std::uint64_t kRows = 50'000;
  VectorIndex index({.dimension = kDimension, .type = IndexType::kFlat, .seal_rows = 20'000});
  Rows rows(kRows);
  std::iota(rows.begin(), rows.end(), 0);
  Vector values;
  for (std::uint64_t row = 0; row < kRows; ++row) {
    const auto vector = vectors.unit();
    values.insert(values.end(), vector.begin(), vector.end());
  }
  index.apply(rows, values, Rows{7, 30'000});
  RowSetBuilder even;
  for (std::uint64_t row = 0; row < kRows; row += 2) even.add(row);
  const auto allowed = even.build();
  const auto snapshot = index.snapshot();
  const std::vector<SearchOptions> kinds{
      {.limit = 5}, {.limit = 300}, {.limit = 20, .min_score = 0.7F}, {.limit = 10, .exact = true}, {.limit = 10, .allowed = &allowed}};
  constexpr std::size_t kThreads = 10, kSearches = 8;
  std::vector<Vector> queries;
  for (std::size_t i = 0; i < kThreads * kSearches; ++i) queries.push_back(vectors.unit());
  std::vector<std::vector<Hit>> found(queries.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::size_t i = thread; i < queries.size(); i += kThreads)
          found[i] = snapshot->search(queries[i], 1, kinds[thread % kinds.size()]).at(0);
      });
    }
  }
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto alone = snapshot->search(queries[i], 1, kinds[i % kThreads % kinds.size()]).at(0);
    REQUIRE(found[i].size() == alone.size());
    for (std::size_t j = 0; j < alone.size(); ++j) {
      CHECK(found[i][j].row == alone[j].row);
      CHECK_THAT(found[i][j].score, Catch::Matchers::WithinAbs(alone[j].score, 1e-6));
    }
  }
}

TEST_CASE("a snapshot keeps what it saw") {
  Vectors vectors(5);
  VectorIndex index({.dimension = kDimension, .seal_rows = 4});
  const auto first = vectors.unit();
  index.apply(Rows{0}, first, {});
  const auto before = index.snapshot();
  for (std::uint64_t row = 1; row < 20; ++row) index.apply(Rows{row}, first, Rows{row - 1});
  CHECK(before->search(first, 1, {}).at(0).size() == 1);
  CHECK(before->search(first, 1, {}).at(0)[0].row == 0);
  const auto after = index.snapshot()->search(first, 1, {}).at(0);
  REQUIRE(after.size() == 1);
  CHECK(after[0].row == 19);
}

TEST_CASE("equal scores come in order of rows, and weak ones can be cut off") {
  VectorIndex index({.dimension = 2, .seal_rows = 2});
  index.apply(Rows{1, 2, 3, 4}, Vector{1, 0, 0, 1, 1, 0, -1, 0}, {});
  const Vector query{1, 0};
  const auto hits = index.snapshot()->search(query, 1, {}).at(0);
  REQUIRE(hits.size() == 4);
  CHECK(hits[0].row == 1);
  CHECK(hits[1].row == 3);
  CHECK(index.snapshot()->search(query, 1, {.min_score = 0.5F}).at(0).size() == 2);
  CHECK(index.snapshot()->search(query, 1, {.limit = 1}).at(0).size() == 1);
}

TEST_CASE("pages of equal scores neither repeat nor lose a row") {
  const auto seed = GENERATE(1U, 2U, 3U);
  std::mt19937 random(seed);
  // For one query, rows are scored by 256: segments of less than that, of that, and the growing buffer alone.
  VectorIndex index({.dimension = 3, .seal_rows = GENERATE(std::size_t{64}, std::size_t{250}, std::size_t{256}, std::size_t{1000})});
  std::map<std::uint64_t, Vector> live;
  Rows removed;
  for (std::uint64_t row = 0; row < 400; ++row) {
    // Few different vectors with small whole numbers: many scores are equal, exactly.
    const Vector vector{static_cast<float>(random() % 3), static_cast<float>(random() % 2), static_cast<float>(random() % 2)};
    index.apply(Rows{row}, vector, {});
    if (random() % 5 == 0) {
      removed.push_back(row);
    } else {
      live[row] = vector;
    }
  }
  index.apply({}, {}, removed);
  const Vector query{1, 2, -1};
  const auto expected = brute_force(live, query, 1000);
  for (std::size_t limit = 1; limit <= 330; ++limit) {
    const auto hits = index.snapshot()->search(query, 1, {.limit = limit}).at(0);
    REQUIRE(hits.size() == std::min(limit, expected.size()));
    for (std::size_t i = 0; i < hits.size(); ++i) REQUIRE(hits[i].row == expected[i].row);
  }
}

TEST_CASE("a vector or a query that is not a number is never an answer") {
  VectorIndex index({.dimension = 2, .seal_rows = 2});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  index.apply(Rows{0, 1, 2}, Vector{nan, 1, 1, 0, nan, nan}, {});
  const auto hits = index.snapshot()->search(Vector{1, 0}, 1, {}).at(0);
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].row == 1);
  CHECK(index.snapshot()->search(Vector{nan, 0}, 1, {}).at(0).empty());
}

TEST_CASE("impossible input to an index is refused and changes nothing") {
  VectorIndex index({.dimension = 2});
  index.apply(Rows{5}, Vector{1, 0}, {});
  CHECK_THROWS_AS(index.apply(Rows{6}, Vector{1}, {}), std::invalid_argument);
  CHECK_THROWS_AS(index.apply(Rows{5}, Vector{1, 0}, {}), std::invalid_argument);
  CHECK_THROWS_AS(index.apply(Rows{8, 7}, Vector{1, 0, 1, 0}, {}), std::invalid_argument);
  CHECK_THROWS_AS(index.snapshot()->search(Vector{1}, 1, {}), std::invalid_argument);
  CHECK_THROWS_AS(VectorIndex({.dimension = 0}), std::invalid_argument);
  CHECK(index.snapshot()->statistics().rows == 1);
  CHECK(VectorIndex({.dimension = 2}).snapshot()->search(Vector{1, 0}, 1, {}).at(0).empty());
}

TEST_CASE("searches run beside a writer and see whole publications") {
  Vectors vectors(3);
  VectorIndex index({.dimension = kDimension, .seal_rows = 64});
  const auto vector = vectors.unit();
  Vector pair = vector;
  pair.insert(pair.end(), vector.begin(), vector.end());
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0, searches = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        // Every publication adds two rows and removes two: after the first there are always two.
        const auto hits = index.snapshot()->search(vector, 1, {.limit = 10}).at(0);
        if (!hits.empty() && hits.size() != 2) ++torn;
        ++searches;
      }
    });
  }
  for (std::uint64_t row = 0; row < 2000; row += 2) index.apply(Rows{row, row + 1}, pair, row == 0 ? Rows{} : Rows{row - 2, row - 1});
  while (searches < 10) std::this_thread::yield();
  done = true;
  readers.clear();
  CHECK(torn == 0);
}
