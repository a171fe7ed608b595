// Searches through a device's copies of codes, where it has no room for the vectors.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "index/device_spread.h"
#include "index/row_set.h"
#include "index/vector_index.h"
#include "tests/index/clustered_vectors.h"
#include "tests/index/index_pair.h"
#include "tests/index/rounding_device.h"

using namespace clipdex::index;
using namespace clipdex::tests;

namespace {

constexpr std::size_t kDimension = 32;
constexpr std::size_t kRows = 12'000;
constexpr std::size_t kQueries = 100;
// Of recall: a device compares about as many codes, not the same.
constexpr double kTolerance = 0.03;

const ClusteredVectors& vectors() {
  static const ClusteredVectors all(kRows, kDimension);
  return all;
}

bool same(const std::vector<std::vector<Hit>>& a, const std::vector<std::vector<Hit>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& one, const auto& other) { return sorted(one) == sorted(other); });
}

// Inverted files of the same rows: with a device that has room for the codes, and without any.
struct ListsPair {
  explicit ListsPair(std::size_t bytes_max = kRows * kDimension) {
    log.bytes_max = bytes_max;
    for (auto* index : {&with, &without}) index->apply(vectors().rows(), std::span(vectors().segment().vectors, kRows * kDimension), {});
    upkeep();
  }

  static IndexOptions options(std::shared_ptr<Accelerator> accelerator) {
    IndexOptions options;
    options.dimension = kDimension;
    options.type = IndexType::kIvfPq;
    options.seal_rows = kRows;
    options.accelerator = std::move(accelerator);
    return options;
  }

  void upkeep() { maintain_all({&with, &without}); }

  // The first and the last of them by their places.
  void remove(std::size_t first, std::size_t last) {
    const auto removed = vectors().rows().subspan(first, last - first);
    for (auto* index : {&with, &without}) index->apply({}, {}, removed);
  }

  static std::vector<std::vector<Hit>> search(const VectorIndex& index, const SearchOptions& options) {
    return index.snapshot()->search(vectors().queries(kQueries), kQueries, options);
  }

  static double recall(const VectorIndex& index, std::size_t limit) {
    SearchOptions options{.limit = limit};
    const auto found = search(index, options);
    options.exact = true;
    const auto best = search(index, options);
    std::size_t good = 0, all = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
      std::set<std::uint64_t> rows;
      for (const auto& hit : best[i]) rows.insert(hit.row);
      all += rows.size();
      for (const auto& hit : found[i]) good += rows.count(hit.row);
    }
    return static_cast<double>(good) / static_cast<double>(all);
  }

  // Queries that the CPU's lists have answered.
  std::uint64_t answered_here() const { return with.snapshot()->statistics().segment_details.at(0).approximated; }
  std::size_t device_bytes() const { return with.snapshot()->statistics().device_bytes; }

  DeviceLog log;
  VectorIndex with{options(std::make_shared<RoundingDevice>(log))}, without{options(nullptr)};
};

}  // namespace

TEST_CASE("a device that has no room for vectors holds their codes, and finds with them what the CPU finds") {
  ListsPair both;
  REQUIRE(both.with.snapshot()->statistics().segment_details.at(0).type == IndexType::kIvfPq);
  CHECK(both.device_bytes() > 0);
  CHECK(both.device_bytes() < kRows * kDimension);
  CHECK(both.device_bytes() == both.log.bytes);
  for (const std::size_t limit : {1, 10, 100}) {
    INFO("limit " << limit);
    CHECK(ListsPair::recall(both.with, limit) >= ListsPair::recall(both.without, limit) - kTolerance);
  }
  CHECK(both.log.searches > 0);
  CHECK(both.answered_here() == 0);
}

TEST_CASE("a device that has room for vectors holds those rather than their codes") {
  ListsPair both(std::size_t{1} << 30);
  CHECK(both.device_bytes() == kRows * kDimension * 2);
  CHECK(ListsPair::recall(both.with, 10) >= 0.95);
}

TEST_CASE("codes on a device answer no exact search, none that says how hard to look, and none that filters") {
  ListsPair both;
  RowSetBuilder builder;
  for (std::size_t i = 0; i < kRows; i += 2) builder.add(vectors().rows()[i]);
  const auto allowed = builder.build();
  SearchOptions exact, effort, filter;
  exact.exact = true;
  effort.effort = 3;
  filter.allowed = &allowed;
  for (const auto& options : {exact, effort, filter})
    CHECK(same(ListsPair::search(both.with, options), ListsPair::search(both.without, options)));
  CHECK(both.log.searches == 0);
}

TEST_CASE("rows that were deleted since codes were copied are no hits, and many of them make the copy anew without them") {
  ListsPair both;
  const auto bytes = both.device_bytes();
  const auto deleted_hits = [&](std::size_t last) {
    std::size_t found = 0;
    for (const auto& list : ListsPair::search(both.with, {.limit = 50})) {
      CHECK(list.size() == 50);
      found += static_cast<std::size_t>(
          std::count_if(list.begin(), list.end(), [&](const Hit& hit) { return hit.row < vectors().rows()[last]; }));
    }
    return found;
  };
  both.remove(0, 100);
  both.upkeep();
  CHECK(both.log.copies == 1);
  CHECK(deleted_hits(100) == 0);
  both.remove(100, 1500);
  CHECK(deleted_hits(1500) == 0);
  both.upkeep();
  CHECK(both.log.copies == 2);
  CHECK(both.device_bytes() < bytes);
  CHECK(deleted_hits(1500) == 0);
  CHECK(ListsPair::recall(both.with, 10) >= ListsPair::recall(both.without, 10) - kTolerance);
  CHECK(both.answered_here() == 0);
}

TEST_CASE("where codes on a device lead to too few rows, or cannot be searched, the CPU answers") {
  ListsPair both;
  const SearchOptions options;
  const auto expected = ListsPair::search(both.without, options);
  both.log.found_max = 9;
  CHECK(same(ListsPair::search(both.with, options), expected));
  CHECK(both.log.searches > 0);
  CHECK(both.answered_here() == kQueries);
  both.log.busy = true;
  CHECK(same(ListsPair::search(both.with, options), expected));
  both.log.broken = true;
  CHECK(same(ListsPair::search(both.with, options), expected));
  CHECK(both.answered_here() == 3 * kQueries);
  both.upkeep();
  CHECK(both.device_bytes() == 0);
  CHECK(both.log.bytes == 0);
}

TEST_CASE("more hits than a device selects at once are the CPU's") {
  ListsPair both;
  const SearchOptions many{.limit = 1000};
  CHECK(same(ListsPair::search(both.with, many), ListsPair::search(both.without, many)));
  CHECK(both.log.searches == 0);
}

TEST_CASE("codes that a device cannot search stay where they are") {
  DeviceLog log;
  log.bytes_max = kRows * kDimension;
  log.takes_lists = false;
  VectorIndex index(ListsPair::options(std::make_shared<RoundingDevice>(log)));
  index.apply(vectors().rows(), std::span(vectors().segment().vectors, kRows * kDimension), {});
  while (index.maintain()) {
  }
  CHECK(index.snapshot()->statistics().device_bytes == 0);
  CHECK(ListsPair::recall(index, 10) >= 0.95);
}

TEST_CASE("vectors take the place of codes when a device has room for both") {
  ListsPair both;
  const std::size_t bytes = both.device_bytes();
  REQUIRE(bytes < kRows * kDimension);
  both.log.bytes_max = kRows * kDimension * 2 + bytes - 1;
  CHECK_FALSE(both.with.has_device_work());
  both.log.bytes_max += 1;
  CHECK(both.with.has_device_work());
  both.upkeep();
  CHECK(both.device_bytes() == kRows * kDimension * 2);
  CHECK(both.log.bytes == both.device_bytes());
  CHECK_FALSE(both.with.has_device_work());
}

TEST_CASE("codes stay where a device refuses the vectors in their place, and are copied where it refuses vectors") {
  ListsPair both;
  const std::size_t bytes = both.device_bytes();
  both.log.refuses = true;  // vectors
  both.log.bytes_max = std::size_t{1} << 30;
  CHECK(both.with.has_device_work());
  both.upkeep();
  CHECK(both.device_bytes() == bytes);
  CHECK_FALSE(both.with.has_device_work());
  both.remove(0, 1'500);
  both.upkeep();
  CHECK(both.log.copies == 2);
  CHECK(both.device_bytes() > 0);
  CHECK(both.device_bytes() < bytes);
}

TEST_CASE("room for codes is asked for without what is deleted") {
  ListsPair all;
  const std::size_t bytes = all.device_bytes();
  REQUIRE(bytes > 0);
  ListsPair both(bytes - 1);
  CHECK(both.device_bytes() == 0);
  CHECK_FALSE(both.with.has_device_work());
  both.remove(0, 100);
  CHECK(both.with.has_device_work());
  both.upkeep();
  CHECK(both.device_bytes() > 0);
  CHECK(both.device_bytes() < bytes);
  CHECK(ListsPair::recall(both.with, 10) >= ListsPair::recall(both.without, 10) - kTolerance);
  CHECK(both.log.searches > 0);
}

TEST_CASE("codes stay where a device finds that it has less room than was thought") {
  ListsPair both;
  const std::size_t bytes = both.device_bytes();
  both.log.learns = true;
  both.log.bytes_max = std::size_t{1} << 30;
  both.upkeep();
  CHECK(both.log.bytes_max == bytes);
  CHECK(both.device_bytes() == bytes);
  CHECK_FALSE(both.with.has_device_work());
}

TEST_CASE("worn codes on one of two devices are made anew where they were, if the other has no room") {
  const std::size_t bytes = ListsPair().device_bytes();
  DeviceLog first, second;
  first.bytes_max = bytes + bytes / 2;
  second.bytes_max = bytes * 3 / 4;
  for (auto* log : {&first, &second}) log->frees_late = true;
  VectorIndex index(ListsPair::options(
      spread_over({std::make_shared<RoundingDevice>(first), std::make_shared<RoundingDevice>(second)}, DeviceSpread::kShards)));
  index.apply(vectors().rows(), std::span(vectors().segment().vectors, kRows * kDimension), {});
  maintain_all({&index});
  REQUIRE(first.bytes == bytes);
  index.apply({}, {}, vectors().rows().first(1'500));
  maintain_all({&index});
  CHECK(first.copies == 2);
  CHECK(first.bytes < bytes);
  CHECK(index.snapshot()->statistics().device_bytes == first.bytes);
  CHECK_FALSE(index.has_device_work());
}
