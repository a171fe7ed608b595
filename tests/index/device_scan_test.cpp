// Searches through a device's copies of segments.
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/clustered_vectors.h"
#include "tests/index/index_pair.h"
#include "tests/index/rounding_device.h"

using namespace clipdex::index;
using namespace clipdex::tests;

TEST_CASE("a device's copies give the exact scan's hits, however badly the device rounds") {
  IndexPair both;
  CHECK(both.device_bytes() == kPairRows * kPairDimension * 2);
  for (const std::size_t limit : {1, 10, 300, 3000}) {
    INFO("limit " << limit);
    CHECK(both.differences(limit) == 0);
  }
  CHECK(both.log.searches > 0);
}

TEST_CASE("rows that were deleted since a copy was made are no hits, and many of them make it anew") {
  IndexPair both;
  both.remove(10, 200);
  CHECK(both.differences(10) == 0);
  both.upkeep();
  CHECK(both.log.copies == 1);
  both.remove(200, 2000);
  CHECK(both.differences(10) == 0);
  both.upkeep();
  CHECK(both.log.copies == 2);
  CHECK(both.device_bytes() == (kPairRows - 1990) * kPairDimension * 2);
  const auto searches = both.log.searches.load();
  CHECK(both.differences(10) == 0);
  CHECK(both.log.searches > searches);
  both.remove(2000, 2100);
  CHECK(both.differences(100) == 0);
}

TEST_CASE("a device that fails costs no answer, and one without room is not used") {
  IndexPair both;
  both.log.busy = true;
  CHECK(both.differences(10) == 0);
  both.log.broken = true;
  CHECK(both.differences(10) == 0);
  both.remove(10, 20);
  both.upkeep();
  CHECK(both.device_bytes() == 0);
  IndexPair narrow;
  narrow.remove(10, 2000);
  narrow.log.bytes_max = 1000;
  narrow.upkeep();
  CHECK(narrow.device_bytes() == 0);
  CHECK(narrow.differences(10) == 0);
}

TEST_CASE("a graph answers what a device cannot, and the device what it can") {
  IndexPair both(IndexType::kHnsw);
  REQUIRE(both.with.snapshot()->statistics().segment_details.at(0).type == IndexType::kHnsw);
  REQUIRE(both.device_bytes() > 0);
  const auto answered = [&] { return both.with.snapshot()->statistics().segment_details.at(0).approximated; };
  CHECK(both.differences(10) <= 40);  // without proof most of the best are enough
  CHECK(both.log.searches > 0);
  CHECK(answered() == 0);
  both.log.broken = true;
  both.differences(10);
  CHECK(answered() > 0);
}

TEST_CASE("auto leaves rows flat that a device has room for, and builds a graph of more") {
  for (const bool room : {true, false}) {
    DeviceLog log;
    if (!room) log.bytes_max = kPairRows * kPairDimension;  // half of what they take
    VectorIndex index(IndexPair::options(IndexType::kAuto, std::make_shared<RoundingDevice>(log)));
    std::vector<std::uint64_t> rows(kPairRows);
    for (std::size_t i = 0; i < kPairRows; ++i) rows[i] = i;
    index.apply(rows, dense_vectors(kPairRows, 7), {});
    index.seal();
    while (index.maintain()) {
    }
    const auto statistics = index.snapshot()->statistics();
    REQUIRE(statistics.segment_details.size() == 1);
    CHECK(statistics.segment_details[0].type == (room ? IndexType::kFlat : IndexType::kHnsw));
    CHECK((statistics.explanation.find("GPU") != std::string::npos) == room);
    CHECK((statistics.device_bytes > 0) == room);
  }
}

TEST_CASE("copies that wait for a device's memory are made, and those of one that failed are dropped, without a write") {
  IndexPair both;
  CHECK_FALSE(both.with.has_device_work());
  // A search that still has the old copy keeps its memory.
  auto holder = both.with.snapshot();
  both.log.bytes_max = kPairBytes;
  both.remove(10, 2'000);
  both.upkeep();
  CHECK(both.device_bytes() == 0);
  CHECK(both.with.has_device_work());
  holder.reset();
  both.upkeep();
  CHECK(both.device_bytes() > 0);
  CHECK_FALSE(both.with.has_device_work());
  both.log.broken = true;
  CHECK(both.with.has_device_work());
  both.upkeep();
  CHECK(both.device_bytes() == 0);
  CHECK_FALSE(both.with.has_device_work());
}

TEST_CASE("a device that refuses a segment is asked again when it has more room, and no sooner") {
  DeviceLog log;
  log.refuses = true;
  VectorIndex index(IndexPair::options(IndexType::kFlat, std::make_shared<RoundingDevice>(log)));
  std::vector<std::uint64_t> rows(kPairRows);
  std::iota(rows.begin(), rows.end(), std::uint64_t{0});
  index.apply(rows, dense_vectors(kPairRows, 7), {});
  maintain_all({&index});
  CHECK(index.snapshot()->statistics().device_bytes == 0);
  log.refuses = false;
  CHECK_FALSE(index.has_device_work());
  log.bytes_max += 1;
  CHECK(index.has_device_work());
  maintain_all({&index});
  CHECK(index.snapshot()->statistics().device_bytes == kPairBytes);
}

TEST_CASE("after many deletions a device is still asked for few rows") {
  IndexPair both;
  both.remove(10, 1'100);
  CHECK(both.differences(10) == 0);
  CHECK(both.log.asked_least < 200);
}

TEST_CASE("where too many of the rows that a device finds are deleted it is asked for more") {
  IndexPair both(IndexType::kHnsw);  // whose searches want no proof, which would ask for more, too
  // Of 500 rows about one centre, all but 100.
  std::vector<std::uint64_t> gone;
  for (std::uint64_t i = 50 * 100; i < kPairRows; i += 50) gone.push_back(10 + i);
  for (auto* index : {&both.with, &both.without}) index->apply({}, {}, gone);
  const auto search = [](const VectorIndex& index, const std::vector<float>& query) {
    return sorted(index.snapshot()->search(query, 1, {.limit = 100}).at(0));
  };
  const std::vector<float> query(both.vectors.begin(), both.vectors.begin() + kPairDimension);
  const auto hits = search(both.with, query);
  CHECK(both.log.searches == 2);
  CHECK(hits == search(both.without, query));
  CHECK(both.with.snapshot()->statistics().segment_details.at(0).approximated == 0);
}

TEST_CASE("a worn copy that a device refuses to make anew is let go") {
  IndexPair both;
  both.log.refuses = true;
  both.remove(10, 2'000);
  both.upkeep();
  CHECK(both.device_bytes() == 0);
  CHECK(both.log.bytes == 0);
  CHECK(both.differences(10) == 0);
}
