#include "index/scan.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <set>

namespace {

using clipdex::index::Hit;
using clipdex::index::RowSet;
using clipdex::index::RowSetBuilder;
using clipdex::index::ScanInput;
using clipdex::index::Tombstones;

struct Rows {
  // Rows with gaps; small whole numbers, whose sums are exact, so that scores can be compared and often tie.
  Rows(std::size_t n, std::size_t dimension_, unsigned seed) : dimension(dimension_), random(seed) {
    std::uint64_t row = 100;
    for (std::size_t i = 0; i < n; ++i) rows.push_back(row += 1 + (random() % 8 == 0 ? random() % 5 : 0));
    vectors = numbers(n);
  }
  std::vector<float> numbers(std::size_t n) {
    std::vector<float> x(n * dimension);
    for (auto& v : x) v = static_cast<float>(static_cast<int>(random() % 7) - 3);
    return x;
  }
  ScanInput input() const { return {.vectors = vectors.data(), .rows = rows, .dimension = dimension}; }

  std::size_t dimension;
  std::mt19937 random;
  std::vector<std::uint64_t> rows;
  std::vector<float> vectors;
};

// Where scores are equal, the smaller row does.
bool comes_first(const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.row < b.row; }

// All that may be found, best first.
std::vector<Hit> expected(const ScanInput& input, const float* query) {
  std::vector<Hit> all;
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    if (input.deleted != nullptr && input.deleted->contains(i)) continue;
    if (input.allowed != nullptr && !input.allowed->contains(input.rows[i])) continue;
    float score = 0;
    for (std::size_t k = 0; k < input.dimension; ++k) score += query[k] * input.vectors[i * input.dimension + k];
    if (!std::isnan(score)) all.push_back({input.rows[i], score});
  }
  std::sort(all.begin(), all.end(), comes_first);
  return all;
}

// How many of the queries' answers are not what they should be.
std::size_t wrong_answers(const ScanInput& input, const std::vector<float>& queries, std::size_t limit) {
  const std::size_t n = queries.size() / input.dimension;
  std::vector<std::vector<Hit>> hits(n);
  clipdex::index::scan(input, queries, n, limit, hits);
  std::size_t wrong = 0;
  for (std::size_t q = 0; q < n; ++q) {
    auto best = expected(input, queries.data() + q * input.dimension);
    best.resize(std::min(limit, best.size()));
    std::sort(hits[q].begin(), hits[q].end(), comes_first);
    wrong += !std::equal(hits[q].begin(), hits[q].end(), best.begin(), best.end(),
                         [](const Hit& a, const Hit& b) { return a.row == b.row && a.score == b.score; });
  }
  return wrong;
}

RowSet some_rows(Rows& rows, unsigned one_in) {
  RowSetBuilder builder;
  for (std::uint64_t row = 90; row < rows.rows.back() + 70; ++row) {
    if (rows.random() % one_in == 0) builder.add(row);
  }
  return builder.build();
}

}  // namespace

TEST_CASE("a scan finds the best rows, and of those that tie with the last the smaller ones") {
  // Rows are scored by 64 and, for up to 4 queries, by 256; queries by 48.
  const std::size_t n = GENERATE(1U, 2U, 63U, 64U, 65U, 255U, 256U, 257U, 1200U);
  const std::size_t dimension = GENERATE(1U, 40U);
  Rows rows(n, dimension, 1);
  for (const std::size_t n_queries : {1, 4, 5, 47, 48, 49, 97}) {
    const auto queries = rows.numbers(n_queries);
    for (const std::size_t limit : {0, 10, 299, 5000}) CHECK(wrong_answers(rows.input(), queries, limit) == 0);
  }
}

TEST_CASE("a scan that is worth several threads finds what it must") {
  Rows rows(20'000, 128, 2);
  for (const std::size_t n_queries : {1, 5}) CHECK(wrong_answers(rows.input(), rows.numbers(n_queries), 100) == 0);
}

TEST_CASE("a scan leaves out what is deleted and what is not allowed") {
  const std::size_t n = GENERATE(1U, 64U, 2000U);
  const unsigned one_in = GENERATE(1U, 2U, 3U, 40U, 1000U);
  Rows rows(n, 24, one_in);
  const auto allowed = some_rows(rows, one_in);
  Tombstones deleted;
  for (std::size_t i = 0; i < n; ++i) {
    if (rows.random() % 3 == 0) deleted.add(i);
  }
  Tombstones most_deleted;
  for (std::size_t i = 0; i < n; ++i) {
    if (rows.random() % 20 != 0) most_deleted.add(i);
  }
  const auto queries = rows.numbers(6);
  for (const Tombstones* tombstones : std::initializer_list<const Tombstones*>{nullptr, &deleted, &most_deleted}) {
    for (const RowSet* set : std::initializer_list<const RowSet*>{nullptr, &allowed}) {
      auto input = rows.input();
      input.deleted = tombstones;
      input.allowed = set;
      for (const std::size_t limit : {1, 10, 100}) {
        CHECK(wrong_answers(input, queries, limit) == 0);
        CHECK(wrong_answers(input, rows.numbers(1), limit) == 0);
      }
    }
  }
}

TEST_CASE("an empty set allows nothing") {
  Rows rows(10, 4, 3);
  const RowSet nothing;
  auto input = rows.input();
  input.allowed = &nothing;
  std::vector<std::vector<Hit>> hits(1);
  clipdex::index::scan(input, rows.numbers(1), 1, 10, hits);
  CHECK(hits[0].empty());
}

TEST_CASE("a score that is not a number is no hit") {
  Rows rows(500, 8, 4);
  for (std::size_t i = 0; i < 500; i += 3) rows.vectors[i * 8 + i % 8] = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t n_queries : {1, 9}) {
    const auto queries = rows.numbers(n_queries);
    CHECK(wrong_answers(rows.input(), queries, 20) == 0);
    CHECK(wrong_answers(rows.input(), queries, 500) == 0);
  }
}

TEST_CASE("copies of a vector score the same, wherever they are") {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> vector(513), queries(7 * 513), vectors;
  for (auto& x : vector) x = normal(random);
  for (auto& x : queries) x = normal(random);
  std::vector<std::uint64_t> rows;
  for (std::uint64_t row = 0; row < 301; ++row) {
    rows.push_back(row);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  const ScanInput input{.vectors = vectors.data(), .rows = rows, .dimension = 513};
  std::vector<std::vector<Hit>> all(7), first(7);
  clipdex::index::scan(input, queries, 7, 301, all);
  clipdex::index::scan(input, queries, 7, 5, first);
  for (std::size_t q = 0; q < 7; ++q) {
    REQUIRE(all[q].size() == 301);
    CHECK(std::all_of(all[q].begin(), all[q].end(), [&](const Hit& hit) { return hit.score == all[q][0].score; }));
    // However many are equally good, no more are held than are asked for.
    CHECK(first[q].size() == 5);
    CHECK(std::all_of(first[q].begin(), first[q].end(), [](const Hit& hit) { return hit.row < 5; }));
  }
}

TEST_CASE("a set holds the rows that it was built from, in whatever order") {
  std::mt19937_64 random(GENERATE(1U, 2U, 3U));
  std::vector<std::uint64_t> rows;
  for (int i = 0; i < 500; ++i) rows.push_back(1'000'000'000'000 + random() % 4000);
  switch (random() % 3) {
    case 0:
      std::sort(rows.begin(), rows.end());
      break;
    case 1:
      std::sort(rows.rbegin(), rows.rend());
      break;
    default:
      break;
  }
  RowSetBuilder builder;
  builder.add(rows);
  const RowSet set = builder.build();
  const std::set<std::uint64_t> reference(rows.begin(), rows.end());
  CHECK(set.count() == reference.size());
  for (std::uint64_t row = 999'999'999'000; row < 1'000'000'006'000; ++row) REQUIRE(set.contains(row) == reference.contains(row));
  CHECK_FALSE(set.contains(0));
  CHECK_FALSE(set.contains(~std::uint64_t{0}));
  for (int i = 0; i < 200; ++i) {
    const auto first = 999'999'999'900 + random() % 4500, last = first + random() % 300;
    std::vector<std::uint64_t> visited;
    set.for_each(first, last, [&](std::uint64_t row) { visited.push_back(row); });
    CHECK(visited == std::vector<std::uint64_t>(reference.lower_bound(first), reference.upper_bound(last)));
    CHECK(set.count(first, last) == visited.size());
  }
  CHECK(set.count(0, ~std::uint64_t{0}) == reference.size());
  CHECK(builder.build().count() == 0);
}

TEST_CASE("a set may hold the smallest and the largest rows") {
  const RowSet low(0, {1}), high(~std::uint64_t{0} - 63, {std::uint64_t{1} << 63});
  CHECK(low.contains(0));
  CHECK_FALSE(low.contains(1));
  CHECK(high.contains(~std::uint64_t{0}));
  CHECK(high.count(~std::uint64_t{0}, ~std::uint64_t{0}) == 1);
  CHECK_FALSE(high.contains(0));
}
