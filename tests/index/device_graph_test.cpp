// Searches through graphs over the vectors that a device has.
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/index_pair.h"
#include "tests/index/rounding_device.h"

using namespace clipdex::index;
using namespace clipdex::tests;

TEST_CASE("a device's graph answers searches of an automatic index, but for exact ones") {
  IndexPair both(IndexType::kAuto, /*builds_graphs=*/true);
  REQUIRE(both.with.snapshot()->statistics().segment_details.at(0).type == IndexType::kFlat);
  REQUIRE(both.device_bytes() > 0);
  CHECK(both.differences(10) >= 20);  // half of the queries are vectors without any as near as themselves, which this graph misses
  const auto walks = both.log.walks.load();
  CHECK(walks > 0);
  CHECK(both.differences(10, /*exact=*/true) == 0);
  CHECK(both.log.walks == walks);
}

TEST_CASE("a flat index is searched exactly, whatever graphs a device can build") {
  IndexPair both(IndexType::kFlat, /*builds_graphs=*/true);
  REQUIRE(both.device_bytes() > 0);
  CHECK(both.differences(10) == 0);
  CHECK(both.log.searches > 0);
  CHECK(both.log.walks == 0);
}

TEST_CASE("rows that were deleted since a graph was built are no hits, and it gives as many as are wanted") {
  IndexPair both(IndexType::kHnsw, /*builds_graphs=*/true);
  both.remove(10, 1000);
  SearchOptions options;
  options.limit = 100;
  const auto hits = both.with.snapshot()->search(std::span(both.vectors).first(20 * kPairDimension), 20, options);
  CHECK(both.log.walks > 0);
  for (const auto& list : hits) {
    CHECK(list.size() == 100);
    for (const auto& hit : list) CHECK(hit.row >= 1000);
  }
}

TEST_CASE("where a device's graph fails the CPU answers") {
  IndexPair both(IndexType::kAuto, /*builds_graphs=*/true);
  both.log.busy = true;
  CHECK(both.differences(10) == 0);
  CHECK(both.log.walks == 0);
}

TEST_CASE("a search that names an effort is no graph's: all vectors are compared") {
  IndexPair both(IndexType::kAuto, /*builds_graphs=*/true);
  REQUIRE(both.device_bytes() > 0);
  CHECK(both.differences(10, /*exact=*/false, /*effort=*/50) == 0);
  CHECK(both.log.searches > 0);
  CHECK(both.log.walks == 0);
}

TEST_CASE("a graph is walked on after many deletions, and built anew after more than a twentieth of its rows") {
  IndexPair both(IndexType::kAuto, /*builds_graphs=*/true);
  REQUIRE(both.log.graphs == 1);
  both.remove(10, 1'230);
  both.upkeep();
  CHECK(both.log.graphs == 1);
  const auto walks = both.log.walks.load();
  both.differences(10);
  CHECK(both.log.walks > walks);
  CHECK(both.differences(10, /*exact=*/true) == 0);
  both.remove(1'230, 1'330);
  both.upkeep();
  CHECK(both.log.graphs == 2);
}

namespace {

// An index that is filled a segment at a time.
struct Segments {
  explicit Segments(IndexType type) : index(IndexPair::options(type, std::make_shared<RoundingDevice>(log))) {
    log.builds_graphs = true;
    log.frees_late = true;
    log.graph_bytes = kPairBytes / 4;
  }

  void add() {
    std::vector<std::uint64_t> rows(kPairRows);
    std::iota(rows.begin(), rows.end(), next);
    next += kPairRows;
    index.apply(rows, dense_vectors(kPairRows, static_cast<unsigned>(next)), {});
    upkeep();
  }
  void remove(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> removed(last - first);
    std::iota(removed.begin(), removed.end(), first);
    index.apply({}, {}, removed);
  }
  void upkeep() { maintain_all({&index}); }
  IndexType type(std::size_t segment) const { return index.snapshot()->statistics().segment_details.at(segment).type; }

  DeviceLog log;
  VectorIndex index;
  std::uint64_t next = 0;
};

}  // namespace

TEST_CASE("graphs give way to vectors that want their room, and are built when there is room for both") {
  for (const auto type : {IndexType::kHnsw, IndexType::kAuto}) {
    Segments segments(type);
    auto& log = segments.log;
    log.bytes_max = kPairBytes * 2 + kPairBytes / 8;
    segments.add();
    CHECK(log.graphs == 1);
    CHECK(log.bytes == kPairBytes + log.graph_bytes);
    segments.add();
    REQUIRE(segments.index.snapshot()->statistics().segments == 2);
    CHECK(log.bytes == 2 * kPairBytes);
    CHECK(log.graphs == 1);
    CHECK_FALSE(segments.index.has_device_work());
    log.bytes_max = 3 * kPairBytes;
    CHECK(segments.index.has_device_work());
    segments.upkeep();
    CHECK(log.graphs == 3);
    CHECK(log.bytes == 2 * (kPairBytes + log.graph_bytes));
    CHECK_FALSE(segments.index.has_device_work());
    CHECK(segments.type(0) == (type == IndexType::kAuto ? IndexType::kFlat : type));
  }
}

TEST_CASE("a copy that is made anew where its old one was costs no graph, though a search keeps the old one") {
  Segments segments(IndexType::kAuto);
  auto& log = segments.log;
  log.bytes_max = 2 * kPairBytes + 2 * log.graph_bytes;
  segments.add();
  segments.add();
  REQUIRE(log.graphs == 2);
  for (const bool searching : {false, true}) {
    INFO("searching " << searching);
    auto search = searching ? segments.index.snapshot() : nullptr;
    segments.remove(searching ? 1'500 : 0, searching ? 3'000 : 1'500);
    segments.upkeep();
    search.reset();
    segments.upkeep();
    CHECK(segments.index.snapshot()->statistics().segment_details.at(0).device_bytes > kPairBytes);
    CHECK(log.graphs == (searching ? 4 : 3));
    CHECK(segments.type(0) == IndexType::kFlat);
    CHECK(segments.type(1) == IndexType::kFlat);
  }
}

TEST_CASE("a merge costs no graph of the CPU's, though a search keeps the copies of what was merged") {
  Segments segments(IndexType::kAuto);
  segments.log.bytes_max = 4 * kPairBytes;
  segments.log.builds_graphs = false;
  for (int i = 0; i < 3; ++i) segments.add();
  const auto search = segments.index.snapshot();
  REQUIRE(search->statistics().device_bytes == 3 * kPairBytes);
  segments.add();
  const auto statistics = segments.index.snapshot()->statistics();
  REQUIRE(statistics.segments == 1);
  CHECK(statistics.segment_details.at(0).type == IndexType::kFlat);
}

TEST_CASE("a graph is built anew where queries are for what was deleted") {
  IndexPair both(IndexType::kAuto, /*builds_graphs=*/true);
  both.log.k_max = 200;
  // All but 100 of 500 rows about one centre, and others: not so many that they are reason enough.
  std::vector<std::uint64_t> gone;
  for (std::uint64_t i = 5'000; i < kPairRows; i += 50) gone.push_back(10 + i);
  for (std::uint64_t i = 0; gone.size() < 1'220; ++i) {
    if (i % 50 != 0) gone.push_back(10 + i);
  }
  for (auto* index : {&both.with, &both.without}) index->apply({}, {}, gone);
  both.upkeep();
  REQUIRE(both.log.graphs == 1);
  const std::vector<float> query(both.vectors.begin(), both.vectors.begin() + kPairDimension);
  const auto hits = [&](const VectorIndex& index) { return index.snapshot()->search(query, 1, {.limit = 100}).at(0).size(); };
  for (int i = 0; i < 16; ++i) REQUIRE(hits(both.with) == 100);
  CHECK_FALSE(both.with.has_device_work());
  REQUIRE(hits(both.with) == 100);
  CHECK(both.with.has_device_work());
  both.upkeep();
  CHECK(both.log.graphs == 2);
  CHECK_FALSE(both.with.has_device_work());
}
