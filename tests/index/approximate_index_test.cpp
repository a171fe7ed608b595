// Lists that are probed and graphs that are walked, of rows so few that they would be scanned but for lower thresholds: through seals,
// replacements, merges, filters and files.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <utility>

#include "tests/index/stored_rows.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::tests;
using Catch::Matchers::ContainsSubstring;
using clipdex::index::IndexOptions;
using clipdex::index::IndexType;
using clipdex::index::OpenReport;
using clipdex::index::RowRange;
using clipdex::index::RowSet;
using clipdex::index::RowSetBuilder;
using clipdex::index::SegmentStatistics;
using clipdex::index::VectorIndex;

constexpr std::size_t kDimension = 16;

// Four of these buffers become the first segment. An inverted file compares the codes of 3,200 vectors at least, so that its first segment
// must keep more than these; a graph is walked whatever it has.
std::size_t seal_rows(IndexType type) { return type == IndexType::kHnsw ? 500 : 1250; }

IndexOptions options_in(const std::filesystem::path& directory, IndexType type) {
  return {.dimension = kDimension,
          .type = type,
          .directory = directory,
          .fingerprint = "0123",
          .seal_rows = seal_rows(type),
          .approximate_rows_min = 200,
          .scan_thresholds = {.ivf_rows_min = 200, .hnsw_walk_cost = 0}};
}

RowSet every(std::uint64_t step, std::uint64_t below) {
  RowSetBuilder builder;
  for (std::uint64_t row = 0; row < below; row += step) builder.add(row);
  return builder.build();
}

RowSet all_but_every(std::uint64_t step, std::uint64_t below) {
  RowSetBuilder builder;
  for (std::uint64_t row = 0; row < below; ++row) {
    if (row % step != 0) builder.add(row);
  }
  return builder.build();
}

SegmentStatistics segment(const VectorIndex& index, std::size_t i) { return index.snapshot()->statistics().segment_details.at(i); }

// As recall(), and each of its queries was answered by the lists or the graph of the first segment, which has most of the rows.
double recall_without_scan(const VectorIndex& index, const StoredRows& stored, UnitVectors& vectors, const RowSet* allowed = nullptr,
                           std::size_t effort = 0) {
  const auto before = segment(index, 0).approximated;
  const double share = recall(index, stored, vectors, allowed, effort);
  CHECK(segment(index, 0).approximated == before + kRecallQueries);
  return share;
}

// Each `step`th row of the range is replaced by a new one, as an image is that comes again. The old ones are kept in `gone`.
void replace_rows(VectorIndex& index, StoredRows& stored, UnitVectors& vectors, RowRange range, std::uint64_t step,
                  std::map<std::uint64_t, Vector>& gone) {
  std::vector<std::pair<std::uint64_t, Vector>> added;
  Rows removed;
  for (auto row = range.first; row <= range.last; row += step) {
    const auto live = stored.live.find(row);
    REQUIRE(live != stored.live.end());
    gone.insert(*live);
    removed.push_back(row);
    added.emplace_back(stored.next_row + added.size(), vectors.next());
  }
  stored.apply(index, added, removed);
}

// Searches find most of the best rows, with a filter and without, by lists or links; exact ones find all.
void check_searches(const VectorIndex& index, const StoredRows& stored, UnitVectors& vectors, IndexType type) {
  for (const auto& one : index.snapshot()->statistics().segment_details) {
    CHECK(one.type == type);
    CHECK(one.on_disk);
    CHECK_THAT(one.parameters, ContainsSubstring(type == IndexType::kHnsw ? "\"links\":" : "\"lists\":"));
    CHECK_THAT(one.parameters, !ContainsSubstring("\"lists\":0,"));
  }
  CHECK(recall_without_scan(index, stored, vectors) >= 0.9);
  const auto most = all_but_every(6, stored.next_row);
  CHECK(recall_without_scan(index, stored, vectors, &most) >= 0.9);
  const auto few = every(50, stored.next_row);
  CHECK(recall(index, stored, vectors, &few) >= 0.9);
  check_exact(index, stored, vectors, nullptr, 100);
  check_exact(index, stored, vectors, &most, 100);
}

// Asked for by its own vector, a row is what a search finds first, unless it is gone.
void check_gone(const VectorIndex& index, const std::map<std::uint64_t, Vector>& gone) {
  for (const auto& [row, vector] : gone) {
    const auto hits = index.snapshot()->search(vector, 1, {.limit = 5}).at(0);
    REQUIRE(hits.size() == 5);
    for (const auto& hit : hits) REQUIRE(!gone.contains(hit.row));
  }
}

std::vector<std::string> parameters_of(const VectorIndex& index) {
  std::vector<std::string> parameters;
  for (const auto& one : index.snapshot()->statistics().segment_details) parameters.push_back(one.parameters);
  return parameters;
}

// From what a checkpoint and the files say: nothing has to be built or read from the storage again.
std::unique_ptr<VectorIndex> opened_again(std::unique_ptr<VectorIndex> index, StoredRows& stored, const IndexOptions& options) {
  const auto parameters = parameters_of(*index);
  REQUIRE(stored.checkpoint(*index));
  index.reset();
  OpenReport report;
  index = stored.recover(options, report);
  CHECK(report.problems.empty());
  CHECK(report.missing.empty());
  CHECK(parameters_of(*index) == parameters);
  return index;
}

}  // namespace

TEST_CASE("lists are probed and graphs are walked through seals, replacements, merges, filters and reopening") {
  const auto type = GENERATE(IndexType::kHnsw, IndexType::kIvfPq);
  INFO(name_of(type));
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path(), type);
  const std::uint64_t first_rows = 4 * options.seal_rows;
  UnitVectors vectors(5, kDimension);
  StoredRows stored;
  std::map<std::uint64_t, Vector> gone;
  OpenReport report;
  auto index = VectorIndex::open(options, "", report);
  stored.add(*index, vectors, first_rows);
  maintain_all(*index);  // four are written, merged and built
  REQUIRE(index->snapshot()->statistics().segments == 1);
  check_searches(*index, stored, vectors, type);
  const double with_little = recall_without_scan(*index, stored, vectors, nullptr, 1);
  const double as_usual = recall_without_scan(*index, stored, vectors);
  CHECK(with_little < as_usual);

  // Fewer dead rows than a segment is built again for; the new ones are in the buffer, then in a segment of their own.
  replace_rows(*index, stored, vectors, {0, first_rows - 1}, 9, gone);
  maintain_all(*index);
  CHECK(segment(*index, 0).deleted == gone.size());
  check_searches(*index, stored, vectors, type);
  check_gone(*index, gone);
  index->seal();
  maintain_all(*index);
  REQUIRE(index->snapshot()->statistics().segments == 2);
  index = opened_again(std::move(index), stored, options);
  check_searches(*index, stored, vectors, type);
  check_gone(*index, gone);

  // Four segments of about the same size become one: three that are flat as yet and an approximate one with dead rows.
  const auto second = segment(*index, 1);
  replace_rows(*index, stored, vectors, second.range, 10, gone);
  for (int i = 0; i < 3; ++i) {
    stored.add(*index, vectors, second.rows);
    index->seal();
  }
  maintain_all(*index);
  REQUIRE(index->snapshot()->statistics().segments == 2);
  CHECK(segment(*index, 1).rows > 3 * second.rows);
  CHECK(segment(*index, 1).deleted == 0);
  check_searches(*index, stored, vectors, type);
  check_gone(*index, gone);

  // With more dead rows the first segment is built again, without them.
  replace_rows(*index, stored, vectors, {4, first_rows - 1}, 9, gone);
  maintain_all(*index);
  REQUIRE(index->snapshot()->statistics().segments == 2);
  CHECK(segment(*index, 0).rows < first_rows);
  CHECK(index->snapshot()->statistics().deleted == 0);
  index = opened_again(std::move(index), stored, options);
  check_searches(*index, stored, vectors, type);
  check_gone(*index, gone);
}

TEST_CASE("with the usual thresholds few rows are scanned, whatever approximation they have") {
  const auto type = GENERATE(IndexType::kHnsw, IndexType::kIvfPq);
  INFO(name_of(type));
  VectorIndex index({.dimension = kDimension, .type = type, .seal_rows = 600, .approximate_rows_min = 500});
  UnitVectors vectors(6, kDimension);
  StoredRows stored;
  stored.add(index, vectors, 600);
  maintain_all(index);
  REQUIRE(index.snapshot()->statistics().segments == 1);
  CHECK(segment(index, 0).type == type);
  CHECK(recall(index, stored, vectors) == 1);
  CHECK(segment(index, 0).approximated == 0);
  if (type == IndexType::kIvfPq) CHECK_THAT(segment(index, 0).parameters, ContainsSubstring("\"lists\":0,"));
}

TEST_CASE("a walk cannot cost less than nothing") {
  CHECK_THROWS_AS(VectorIndex({.dimension = 2, .scan_thresholds = {.hnsw_walk_cost = -1}}), std::invalid_argument);
}
