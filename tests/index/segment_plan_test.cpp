#include "index/segment_plan.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <numeric>
#include <random>

namespace {

using clipdex::index::explain_type;
using clipdex::index::IndexType;
using clipdex::index::next_rebuild;
using clipdex::index::next_write;
using clipdex::index::PlannedSegment;
using clipdex::index::PlannedStep;
using clipdex::index::PlanOptions;
using clipdex::index::type_for;
using Segments = std::vector<PlannedSegment>;

constexpr PlanOptions kPlan{.dimension = 512,
                            .seal_rows = 16'384,
                            .approximate_rows_min = 20'000,
                            .auto_rows_min = 20'000,
                            .memory_bytes_max = std::size_t{8} << 30,
                            .on_disk = true};

PlannedSegment written(std::uint64_t rows, IndexType type = IndexType::kFlat, std::uint64_t deleted = 0) {
  return {.rows = rows, .deleted = deleted, .type = type, .on_disk = true};
}

// What a planned step costs: rows copied, and rows that an approximation is built over.
struct Work {
  std::uint64_t copied = 0, built = 0;
};

void carry_out(Segments& segments, const PlannedStep& step, Work& work) {
  const auto first = segments.begin() + static_cast<std::ptrdiff_t>(step.first);
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < step.count; ++i) rows += segments[step.first + i].rows - segments[step.first + i].deleted;
  const auto at = segments.erase(first, first + static_cast<std::ptrdiff_t>(step.count));
  if (rows > 0) segments.insert(at, written(rows, step.type));
  work.copied += rows;
  if (step.type != IndexType::kFlat) work.built += rows;
}

void settle(Segments& segments, const PlanOptions& plan, Work& work) {
  for (int steps = 0;; ++steps) {
    REQUIRE(steps < 1000);
    auto step = next_write(segments, plan);
    if (!step) step = next_rebuild(segments, 0, plan);
    if (!step) return;
    carry_out(segments, *step, work);
  }
}

}  // namespace

TEST_CASE("auto scans few rows, uses a graph where memory suffices and codes beyond") {
  CHECK(type_for(19'999, 19'999, kPlan) == IndexType::kFlat);
  CHECK(type_for(20'000, 20'000, kPlan) == IndexType::kHnsw);
  CHECK(type_for(1'000'000, 1'000'000, kPlan) == IndexType::kHnsw);
  CHECK(type_for(1'000'000, 20'000'000, kPlan) == IndexType::kIvfPq);
  CHECK(type_for(1'000, 20'000'000, kPlan) == IndexType::kFlat);
  auto plan = kPlan;
  plan.approximate_rows_min = 5'000;
  CHECK(type_for(5'000, 19'999, plan) == IndexType::kFlat);
  CHECK(type_for(5'000, 20'000, plan) == IndexType::kHnsw);
  CHECK(type_for(4'999, 20'000, plan) == IndexType::kFlat);
  using Catch::Matchers::StartsWith;
  CHECK_THAT(explain_type(100, kPlan), StartsWith("flat: "));
  CHECK_THAT(explain_type(100'000, kPlan), StartsWith("hnsw: "));
  CHECK_THAT(explain_type(20'000'000, kPlan), StartsWith("ivf_pq: "));
}

TEST_CASE("a chosen type holds for all but small segments, and flat for all") {
  auto plan = kPlan;
  plan.type = IndexType::kIvfPq;
  plan.approximate_rows_min = 5'000;
  CHECK(type_for(5'000, 5'000, plan) == IndexType::kIvfPq);
  CHECK(type_for(4'999, 1'000'000, plan) == IndexType::kFlat);
  plan.type = IndexType::kFlat;
  CHECK(type_for(100'000'000, 100'000'000, plan) == IndexType::kFlat);
}

TEST_CASE("what is not on disk is written first, and never without a disk") {
  Segments segments(10, {.rows = 16'384});
  CHECK(next_write(segments, kPlan) == PlannedStep{0, 1, IndexType::kFlat});
  segments[0].on_disk = true;
  CHECK(next_write(segments, kPlan) == PlannedStep{1, 1, IndexType::kFlat});
  auto in_memory = kPlan;
  in_memory.on_disk = false;
  CHECK(!next_write(segments, in_memory));
}

TEST_CASE("a bulk load is merged in one step, and built once") {
  Segments segments(61, written(16'384));
  Work work;
  settle(segments, kPlan, work);
  REQUIRE(segments.size() == 1);
  CHECK(segments[0].type == IndexType::kHnsw);
  CHECK(work.built == 61 * 16'384);
  CHECK(work.copied == 2 * 61 * 16'384);
}

TEST_CASE("a million rows that arrive slowly are built three times and stay in few segments") {
  Segments segments;
  Work work;
  std::size_t most = 0;
  constexpr std::uint64_t kBuffers = 64;
  for (std::uint64_t i = 0; i < kBuffers; ++i) {
    segments.push_back({.rows = 16'384});
    settle(segments, kPlan, work);
    most = std::max(most, segments.size());
  }
  REQUIRE(segments.size() == 1);
  CHECK(most <= 9);
  CHECK(work.built <= 3 * kBuffers * 16'384);
}

TEST_CASE("few deleted rows cause no work, many a rebuild, and all a removal") {
  Segments segments{written(60'000, IndexType::kHnsw, 9'000)};
  CHECK(!next_rebuild(segments, 0, kPlan));
  segments[0].deleted = 9'001;
  CHECK(next_rebuild(segments, 0, kPlan) == PlannedStep{0, 1, IndexType::kHnsw});
  segments[0].deleted = 60'000;
  CHECK(next_rebuild(segments, 0, kPlan) == PlannedStep{0, 1, IndexType::kFlat});
}

TEST_CASE("what still waits to be written is no part of a merge, a build or a removal") {
  const PlannedSegment waiting{.rows = 65'536};
  Segments segments(3, written(65'536, IndexType::kHnsw));
  segments.push_back(waiting);
  CHECK(!next_rebuild(segments, 0, kPlan));
  CHECK(next_write(segments, kPlan) == PlannedStep{3, 1, IndexType::kFlat});
  segments.back().deleted = segments.back().rows;
  CHECK(!next_rebuild(segments, 0, kPlan));
  segments.back() = written(65'536);
  CHECK(next_rebuild(segments, 0, kPlan) == PlannedStep{0, 4, IndexType::kHnsw});
  // One in the middle parts those beside it.
  segments.assign(5, written(65'536, IndexType::kHnsw));
  segments[2] = waiting;
  CHECK(!next_rebuild(segments, 0, kPlan));
}

TEST_CASE("a merge of approximate segments is approximate at once, one of flat segments is flat") {
  Segments segments(4, written(65'536, IndexType::kHnsw));
  CHECK(next_rebuild(segments, 0, kPlan) == PlannedStep{0, 4, IndexType::kHnsw});
  segments.assign(4, written(16'384));
  CHECK(next_rebuild(segments, 0, kPlan) == PlannedStep{0, 4, IndexType::kFlat});
}

TEST_CASE("flat segments beside each other get one approximation together") {
  Segments segments{written(300'000, IndexType::kHnsw), written(16'384), written(65'536), written(4'000),
                    written(262'144, IndexType::kHnsw)};
  CHECK(next_rebuild(segments, 0, kPlan) == PlannedStep{1, 3, IndexType::kHnsw});
  // Alone, none of them is large enough.
  segments[2] = written(16'384);
  CHECK(!next_rebuild(segments, 0, kPlan));
}

TEST_CASE("a collection that became flat loses its approximations") {
  auto plan = kPlan;
  plan.type = IndexType::kFlat;
  const Segments segments{written(65'536, IndexType::kHnsw)};
  CHECK(next_rebuild(segments, 0, plan) == PlannedStep{0, 1, IndexType::kFlat});
}

TEST_CASE("segments of any sizes settle to few, and keep their rows") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    Segments segments;
    Work work;
    std::uint64_t rows = 0;
    for (int i = 0; i < 200; ++i) {
      const auto n = 1 + random() % (1U << random() % 18);
      segments.push_back({.rows = n});
      rows += n;
      if (random() % 3 == 0) settle(segments, kPlan, work);
    }
    settle(segments, kPlan, work);
    std::uint64_t left = 0;
    for (const auto& segment : segments) left += segment.rows;
    CHECK(left == rows);
    CHECK(segments.size() <= 24);  // 3 each of 8 tiers, from 1/64 of a buffer to 2^22 rows
  }
}
