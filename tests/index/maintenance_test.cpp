// Writing, merging and building in the background.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "tests/index/stored_rows.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::tests;
using clipdex::index::IndexOptions;
using clipdex::index::IndexType;
using clipdex::index::OpenReport;
using clipdex::index::RowSet;
using clipdex::index::RowSetBuilder;
using clipdex::index::VectorIndex;

constexpr std::size_t kDimension = 16;

RowSet every(std::uint64_t step, std::uint64_t below) {
  RowSetBuilder builder;
  for (std::uint64_t row = 0; row < below; row += step) builder.add(row);
  return builder.build();
}

}  // namespace

TEST_CASE("merging leaves few segments, drops deleted rows and changes no answer") {
  const bool on_disk = GENERATE(false, true);
  const TemporaryDirectory directory;
  IndexOptions options{.dimension = kDimension, .type = IndexType::kFlat, .seal_rows = 20};
  if (on_disk) options.directory = directory.path();
  OpenReport report;
  const auto index = on_disk ? VectorIndex::open(options, "", report) : std::make_unique<VectorIndex>(options);
  UnitVectors vectors(1, kDimension);
  StoredRows stored;
  for (int i = 0; i < 40; ++i) {
    stored.add(*index, vectors, 20);
    if (i % 3 == 0) stored.apply(*index, {}, {stored.next_row - 5, stored.next_row - 19});
    if (i % 7 == 0) maintain_all(*index);
  }
  maintain_all(*index);
  check_exact(*index, stored, vectors, nullptr, 1000);
  const auto statistics = index->snapshot()->statistics();
  CHECK(statistics.segments <= 8);
  CHECK(statistics.rows == stored.live.size());
  CHECK(statistics.deleted < 28);
  CHECK((statistics.mapped_bytes > 0) == on_disk);
  std::uint64_t next = 0;
  for (const auto& segment : statistics.segment_details) {
    CHECK(segment.range.first >= next);
    CHECK(segment.on_disk == on_disk);
    CHECK(segment.type == IndexType::kFlat);
    next = segment.range.last + 1;
  }
}

TEST_CASE("a segment whose rows all are deleted disappears") {
  VectorIndex index({.dimension = kDimension, .seal_rows = 20});
  UnitVectors vectors(1, kDimension);
  StoredRows stored;
  stored.add(index, vectors, 40);
  Rows first;
  for (std::uint64_t row = 0; row < 20; ++row) first.push_back(row);
  stored.apply(index, {}, first);
  CHECK(index.maintain());
  CHECK(index.snapshot()->statistics().segments == 1);
  CHECK(index.snapshot()->statistics().deleted == 0);
  check_exact(index, stored, vectors);
}

TEST_CASE("sealing makes a segment of what there is, and of nothing none") {
  VectorIndex index({.dimension = kDimension, .seal_rows = 20});
  UnitVectors vectors(1, kDimension);
  StoredRows stored;
  index.seal();
  CHECK(index.snapshot()->statistics().segments == 0);
  stored.add(index, vectors, 3);
  stored.apply(index, {}, {1});
  index.seal();
  index.seal();
  CHECK(index.snapshot()->statistics().segments == 1);
  CHECK(index.snapshot()->statistics().buffered == 0);
  check_exact(index, stored, vectors);
  stored.add(index, vectors, 3);
  check_exact(index, stored, vectors);
}

TEST_CASE("approximate segments find most of the best, with deleted and filtered rows, before and after they are opened again") {
  const auto type = GENERATE(IndexType::kHnsw, IndexType::kIvfPq);
  const TemporaryDirectory directory;
  const IndexOptions options{
      .dimension = kDimension, .type = type, .directory = directory.path(), .seal_rows = 600, .approximate_rows_min = 500};
  UnitVectors vectors(2, kDimension);
  StoredRows stored;
  OpenReport report;
  auto index = VectorIndex::open(options, "", report);
  stored.add(*index, vectors, 3000);
  maintain_all(*index);
  Rows removed;
  for (std::uint64_t row = 0; row < 3000; row += 9) removed.push_back(row);
  stored.apply(*index, {}, removed);
  stored.add(*index, vectors, 100);
  stored.checkpoint(*index);
  for (int opened = 0; opened < 2; ++opened) {
    const auto statistics = index->snapshot()->statistics();
    REQUIRE(!statistics.segment_details.empty());
    CHECK(statistics.segment_details[0].type == type);
    CHECK_THAT(statistics.explanation, Catch::Matchers::StartsWith(std::string(name_of(type))));
    CHECK(statistics.deleted == removed.size());
    CHECK(recall(*index, stored, vectors) >= 0.9);
    for (const std::uint64_t step : {2U, 50U, 1000U}) {
      const auto allowed = every(step, 3100);
      CHECK(recall(*index, stored, vectors, &allowed) >= 0.9);
      check_exact(*index, stored, vectors, &allowed);
    }
    check_exact(*index, stored, vectors, nullptr, 200);
    index.reset();
    index = stored.recover(options, report);
    CHECK(report.problems.empty());
  }
}

TEST_CASE("auto changes from scanning to a graph, and to codes where memory is short") {
  IndexOptions options{.dimension = kDimension, .seal_rows = 100, .approximate_rows_min = 300};
  const bool short_of_memory = GENERATE(false, true);
  if (short_of_memory) options.memory_bytes_max = 1000;
  VectorIndex index(options);
  UnitVectors vectors(2, kDimension);
  StoredRows stored;
  stored.add(index, vectors, 200);
  maintain_all(index);
  for (const auto& segment : index.snapshot()->statistics().segment_details) CHECK(segment.type == IndexType::kFlat);
  CHECK_THAT(index.snapshot()->statistics().explanation, Catch::Matchers::StartsWith("flat: "));
  stored.add(index, vectors, 300);
  maintain_all(index);
  const auto statistics = index.snapshot()->statistics();
  REQUIRE(statistics.segments == 1);
  CHECK(statistics.segment_details[0].type == (short_of_memory ? IndexType::kIvfPq : IndexType::kHnsw));
  check_exact(index, stored, vectors);
}

TEST_CASE("what is removed while a segment is built stays removed") {
  const TemporaryDirectory directory;
  UnitVectors vectors(3, kDimension);
  StoredRows stored;
  VectorIndex* running = nullptr;
  bool interrupted = false;
  IndexOptions options{.dimension = kDimension, .directory = directory.path(), .seal_rows = 50};
  options.on_durable_step = [&](std::string_view name) {
    // The result is written, the sources are still what is searched.
    if (name != "segment verified" || running->snapshot()->statistics().segments < 4 || interrupted) return;
    interrupted = true;
    stored.apply(*running, {}, {7, 60, 61, 199});
    check_exact(*running, stored, vectors, nullptr, 300);
  };
  OpenReport report;
  const auto index = VectorIndex::open(options, "", report);
  running = index.get();
  for (int i = 0; i < 4; ++i) {
    stored.add(*index, vectors, 50);
    if (i < 3) maintain_all(*index);
  }
  stored.apply(*index, {}, {8});
  maintain_all(*index);
  CHECK(interrupted);
  CHECK(index->snapshot()->statistics().segments == 1);
  check_exact(*index, stored, vectors, nullptr, 300);
  stored.checkpoint(*index);
  const auto again = stored.recover(options, report);
  CHECK(report.problems.empty());
  check_exact(*again, stored, vectors, nullptr, 300);
}

TEST_CASE("a stopped step changes nothing and leaves no file") {
  const TemporaryDirectory directory;
  OpenReport report;
  const auto index = VectorIndex::open({.dimension = kDimension, .directory = directory.path(), .seal_rows = 50}, "", report);
  UnitVectors vectors(3, kDimension);
  StoredRows stored;
  stored.add(*index, vectors, 200);
  std::stop_source stop;
  stop.request_stop();
  CHECK(!index->maintain(stop.get_token()));
  CHECK(file_names(directory.path()).empty());
  check_exact(*index, stored, vectors);
}

TEST_CASE("background work runs beside a writer and searches") {
  const auto type = GENERATE(IndexType::kFlat, IndexType::kHnsw, IndexType::kIvfPq);
  const TemporaryDirectory directory;
  const IndexOptions options{
      .dimension = kDimension, .type = type, .directory = directory.path(), .seal_rows = 64, .approximate_rows_min = 200};
  OpenReport report;
  const auto index = VectorIndex::open(options, "", report);
  UnitVectors vectors(3, kDimension);
  StoredRows stored;
  const auto query = vectors.next();
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0, searches = 0;
  {
    const std::jthread maintenance([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (!index->maintain(stop)) std::this_thread::yield();
      }
    });
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        while (!done) {
          const auto snapshot = index->snapshot();
          const auto live = snapshot->statistics().rows;
          // Every publication of the writer leaves a multiple of ten rows, and merging changes none.
          const auto hits = snapshot->search(query, 1, {.limit = 100'000, .exact = true}).at(0);
          if (live % 10 != 0 || hits.size() != live) ++torn;
          snapshot->search(query, 1, {.limit = 5});
          ++searches;
        }
      });
    }
    for (int i = 0; i < 150; ++i) {
      std::vector<std::pair<std::uint64_t, Vector>> added;
      const std::size_t n = i % 3 == 2 ? 10 : 20;
      for (std::size_t j = 0; j < n; ++j) added.emplace_back(stored.next_row + j, vectors.next());
      Rows removed;
      if (n == 20 && i > 3) {
        for (auto row = stored.live.begin(); removed.size() < 10; ++row) removed.push_back(row->first);
      }
      stored.apply(*index, added, removed);
      if (i % 20 == 19) stored.checkpoint(*index);
    }
    while (searches < 10) std::this_thread::yield();
    done = true;
  }
  CHECK(torn == 0);
  maintain_all(*index);
  check_exact(*index, stored, vectors, nullptr, 100'000);
  stored.checkpoint(*index);
  CHECK(file_names(*index) == file_names(directory.path()));
  const auto again = stored.recover(options, report);
  CHECK(report.problems.empty());
  check_exact(*again, stored, vectors, nullptr, 100'000);
}
