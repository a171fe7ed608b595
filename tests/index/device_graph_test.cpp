// Searches through graphs over the vectors that a device has.
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <span>

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
