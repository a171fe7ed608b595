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

TEST_CASE("graphs give way to vectors that want their room, and are built when there is room for both") {
  DeviceLog log;
  log.builds_graphs = true;
  log.graph_bytes = kPairBytes / 4;
  log.bytes_max = kPairBytes * 2 + kPairBytes / 8;
  VectorIndex index(IndexPair::options(IndexType::kHnsw, std::make_shared<RoundingDevice>(log)));
  const auto add = [&](std::uint64_t first) {
    std::vector<std::uint64_t> rows(kPairRows);
    std::iota(rows.begin(), rows.end(), first);
    index.apply(rows, dense_vectors(kPairRows, static_cast<unsigned>(first)), {});
    maintain_all({&index});
  };
  add(0);
  CHECK(log.graphs == 1);
  CHECK(log.bytes == kPairBytes + log.graph_bytes);
  add(kPairRows);
  REQUIRE(index.snapshot()->statistics().segments == 2);
  CHECK(log.bytes == 2 * kPairBytes);
  CHECK(log.graphs == 1);
  CHECK_FALSE(index.has_device_work());
  log.bytes_max = 3 * kPairBytes;
  CHECK(index.has_device_work());
  maintain_all({&index});
  CHECK(log.graphs == 3);
  CHECK(log.bytes == 2 * (kPairBytes + log.graph_bytes));
  CHECK_FALSE(index.has_device_work());
}
