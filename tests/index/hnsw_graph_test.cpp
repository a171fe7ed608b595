#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/index/clustered_vectors.h"

namespace {

using clipdex::index::Approximation;
using clipdex::index::build_approximation;
using clipdex::index::kHnsw;
using clipdex::index::read_approximation;
using clipdex::index::RowSetBuilder;
using clipdex::index::Tombstones;
using clipdex::tests::as_bytes;
using clipdex::tests::ClusteredVectors;
using clipdex::tests::recall;
using clipdex::tests::written;

constexpr std::size_t kDimension = 32;

std::unique_ptr<const Approximation> build(const ClusteredVectors& vectors) { return build_approximation(kHnsw, vectors.build_input(2)); }

// Built once for all that only search it: that takes seconds. So many that walks are quicker than scans, for small limits.
constexpr std::size_t kRows = 12'000;

const ClusteredVectors& all_vectors() {
  static const ClusteredVectors all(kRows, kDimension);
  return all;
}

const Approximation& shared_graph() {
  static const auto built = build(all_vectors());
  return *built;
}

}  // namespace

TEST_CASE("a graph finds most of the best rows for every limit") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  for (const std::size_t limit : {1, 10, 100, 1000, 20'000}) CHECK(recall(*graph, vectors.segment(), vectors, 20, limit) >= 0.95);
}

TEST_CASE("a graph finds most of the best rows whatever share of them may be found") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  const unsigned per_mille = GENERATE(1U, 10U, 50U, 200U, 500U, 900U);
  std::mt19937 random(per_mille);
  RowSetBuilder builder;
  Tombstones deleted;
  for (std::size_t i = 0; i < kRows; ++i) {
    if (random() % 1000 < per_mille) {
      builder.add(vectors.rows()[i]);
    } else {
      deleted.add(i);
    }
  }
  const auto allowed = builder.build();
  auto segment = vectors.segment();
  segment.allowed = &allowed;
  CHECK(recall(*graph, segment, vectors, 40, 10) >= 0.95);
  segment.deleted = &deleted;
  CHECK(recall(*graph, segment, vectors, 40, 10) >= 0.95);
  segment.allowed = nullptr;
  CHECK(recall(*graph, segment, vectors, 40, 10) >= 0.95);
}

TEST_CASE("a graph finds allowed rows that are far from the query") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  // The 4,500 rows that score least.
  auto hits = clipdex::tests::exact_hits(vectors.segment(), vectors.query(0), kRows);
  std::sort(hits.begin(), hits.end(), [](const auto& a, const auto& b) { return a.score < b.score; });
  RowSetBuilder builder;
  for (std::size_t i = 0; i < 4500; ++i) builder.add(hits[i].row);
  const auto allowed = builder.build();
  auto segment = vectors.segment();
  segment.allowed = &allowed;
  CHECK(recall(*graph, segment, vectors, 1, 10) >= 0.9);
}

TEST_CASE("more effort finds more rows") {
  const ClusteredVectors vectors(6000, 128);
  const auto graph = build(vectors);
  const double little = recall(*graph, vectors.segment(), vectors, 100, 10, 10),
               much = recall(*graph, vectors.segment(), vectors, 100, 10, 400);
  CHECK(little < much);
  CHECK(much >= 0.99);
}

TEST_CASE("many queries at once find in a graph what each finds alone") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  std::vector<std::vector<clipdex::index::Hit>> together(50);
  graph->search(vectors.segment(), vectors.queries(50), 50, 10, 0, together);
  for (std::size_t i = 0; i < 50; ++i) {
    std::vector<std::vector<clipdex::index::Hit>> alone(1);
    graph->search(vectors.segment(), vectors.query(i), 1, 10, 0, alone);
    CHECK(clipdex::tests::sorted(alone[0]) == clipdex::tests::sorted(together[i]));
  }
}

TEST_CASE("threads that search a graph at once find what one finds") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  std::vector<std::vector<clipdex::tests::RowScore>> expected(40);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::vector<std::vector<clipdex::index::Hit>> one(1);
    graph->search(vectors.segment(), vectors.query(i), 1, 10, 0, one);
    expected[i] = clipdex::tests::sorted(one[0]);
  }
  std::vector<std::size_t> wrong(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < wrong.size(); ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < expected.size(); ++i) {
          std::vector<std::vector<clipdex::index::Hit>> one(1);
          graph->search(vectors.segment(), vectors.query(i), 1, 10, 0, one);
          wrong[t] += clipdex::tests::sorted(one[0]) != expected[i];
        }
      });
    }
  }
  CHECK(wrong == std::vector<std::size_t>(4));
}

TEST_CASE("a graph of few vectors finds all of them, scanned or walked through") {
  const std::size_t n = GENERATE(1U, 2U, 50U);
  const ClusteredVectors vectors(n, kDimension);
  const auto graph = build(vectors);
  CHECK(recall(*graph, vectors.segment(), vectors, 10, 10) == 1);
  CHECK(recall(*graph, vectors.segment(), vectors, 10, 100) == 1);
  CHECK(graph->answered() == 0);
  const auto bytes = written(*graph);
  const auto walked = read_approximation(kHnsw, as_bytes(bytes), n, kDimension, {.hnsw_walk_cost = 0});
  CHECK(recall(*walked, vectors.segment(), vectors, 10, 10) >= 0.95);
  CHECK(walked->answered() == 10);
}

TEST_CASE("a graph says how many queries it has answered without a scan") {
  const auto& vectors = all_vectors();
  const auto bytes = written(shared_graph());
  const auto graph = read_approximation(kHnsw, as_bytes(bytes), kRows, kDimension);
  std::vector<std::vector<clipdex::index::Hit>> hits(5);
  graph->search(vectors.segment(), vectors.queries(5), 5, 10, 0, hits);
  CHECK(graph->answered() == 5);
  graph->search(vectors.segment(), vectors.queries(5), 5, kRows, 0, hits);  // of that many a scan is quicker
  CHECK(graph->answered() == 5);
}

TEST_CASE("a graph of copies finds as many as are asked for") {
  ClusteredVectors vectors(6000, kDimension);
  for (std::size_t i = 1; i < 300; ++i) vectors.copy(0, i * 2);
  const auto graph = build(vectors);
  std::vector<std::vector<clipdex::index::Hit>> hits(1);
  graph->search(vectors.segment(), vectors.row(0), 1, 20, 0, hits);
  const auto found = clipdex::tests::sorted(hits[0]);
  REQUIRE(found.size() == 20);
  // The first of the copies, since all of them are equally good.
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(found[i].row == vectors.rows()[i * 2]);
    CHECK(found[i].score == found[0].score);
  }
  CHECK(recall(*graph, vectors.segment(), vectors, 50, 10) >= 0.95);
}

TEST_CASE("a graph that was written and read finds the same") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  const auto bytes = written(*graph);
  const auto read = read_approximation(kHnsw, as_bytes(bytes), kRows, kDimension);
  CHECK(written(*read) == bytes);
  CHECK(read->parameters() == graph->parameters());
  CHECK(read->memory_bytes() == graph->memory_bytes());
  for (std::size_t i = 0; i < 20; ++i) {
    std::vector<std::vector<clipdex::index::Hit>> before(1), after(1);
    graph->search(vectors.segment(), vectors.query(i), 1, 10, 0, before);
    read->search(vectors.segment(), vectors.query(i), 1, 10, 0, after);
    CHECK(clipdex::tests::sorted(before[0]) == clipdex::tests::sorted(after[0]));
  }
}

TEST_CASE("bytes that are no graph of the segment are refused") {
  const ClusteredVectors vectors(700, kDimension);
  const auto bytes = written(*build(vectors));
  CHECK_NOTHROW(read_approximation(kHnsw, as_bytes(bytes), 700, kDimension));
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    CHECK_THROWS_AS(read_approximation(kHnsw, as_bytes(bytes.substr(0, size)), 700, kDimension), std::runtime_error);
  }
  CHECK_THROWS_AS(read_approximation(kHnsw, as_bytes(bytes + 'x'), 700, kDimension), std::runtime_error);
  CHECK_THROWS_AS(read_approximation(kHnsw, as_bytes(bytes), 699, kDimension), std::runtime_error);
  CHECK_THROWS_AS(read_approximation(kHnsw, as_bytes(bytes), 701, kDimension), std::runtime_error);
}

TEST_CASE("a damaged graph is refused, or searched within its bounds") {
  const ClusteredVectors vectors(3000, kDimension);
  const auto bytes = written(*build(vectors));
  std::mt19937 random(7);
  std::size_t refused = 0, strangers = 0;
  for (int i = 0; i < 300; ++i) {
    auto damaged = bytes;
    for (int j = 0; j < 3; ++j) {
      // The header, the levels or the links.
      const std::size_t end = i % 3 == 0 ? 24 : i % 3 == 1 ? 3024 : bytes.size();
      damaged[random() % end] = static_cast<char>(random());
    }
    try {
      const auto graph = read_approximation(kHnsw, as_bytes(damaged), 3000, kDimension);
      std::vector<std::vector<clipdex::index::Hit>> hits(1);
      graph->search(vectors.segment(), vectors.query(0), 1, 3, 4, hits);
      for (const auto& hit : hits[0]) strangers += hit.row < vectors.rows().front() || hit.row > vectors.rows().back();
    } catch (const std::runtime_error&) {
      ++refused;
    }
  }
  CHECK(refused > 100);
  CHECK(strangers == 0);
}

TEST_CASE("the building of a graph can be stopped") {
  const auto& vectors = all_vectors();
  std::stop_source source;
  auto input = vectors.build_input(1);
  input.stop = source.get_token();
  source.request_stop();
  CHECK(build_approximation(kHnsw, input) == nullptr);
}

TEST_CASE("no structure is built of nothing or by an unknown name") {
  const ClusteredVectors vectors(10, kDimension);
  auto input = vectors.build_input(1);
  CHECK_THROWS_AS(build_approximation("annoy", input), std::invalid_argument);
  CHECK_THROWS_AS(read_approximation("annoy", {}, 10, kDimension), std::invalid_argument);
  input.n = 0;
  CHECK_THROWS_AS(build_approximation(kHnsw, input), std::invalid_argument);
  CHECK_THROWS_AS(build_approximation(clipdex::index::kIvfPq, input), std::invalid_argument);
}

TEST_CASE("a query that is not a number finds nothing in a graph") {
  const auto& vectors = all_vectors();
  const auto* graph = &shared_graph();
  const std::vector<float> query(kDimension, std::numeric_limits<float>::quiet_NaN());
  std::vector<std::vector<clipdex::index::Hit>> hits(1);
  graph->search(vectors.segment(), query, 1, 10, 0, hits);
  CHECK(hits[0].empty());
}
