// An index that is opened again: after checkpoints, crashes, losses and failures of the disk.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "index/disk_full_error.h"
#include "tests/index/stored_rows.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;
using clipdex::index::Checkpoint;
using clipdex::index::IndexOptions;
using clipdex::index::OpenReport;
using clipdex::index::RowRange;
using clipdex::index::VectorIndex;

constexpr std::size_t kDimension = 8;

struct Crash : std::runtime_error {
  using std::runtime_error::runtime_error;
};

IndexOptions options_in(const fs::path& directory) {
  return {.dimension = kDimension, .directory = directory, .fingerprint = "0123", .seal_rows = 10, .approximate_rows_min = 60};
}

// Adds, deletes, writes, merges, builds and removes files: every durable step there is, several times.
void mixed_work(VectorIndex& index, StoredRows& stored, UnitVectors& vectors, std::uint64_t rounds) {
  for (std::uint64_t round = 0; round < rounds; ++round) {
    stored.add(index, vectors, 13);
    stored.apply(index, {{stored.next_row + 2, vectors.next()}}, {stored.next_row - 1, round * 9});
    maintain_all(index);
    stored.checkpoint(index);
  }
}

// Whatever was left in the directory: nothing is lost, and no file stays that nothing names.
void check_recovered(const StoredRows& stored, const IndexOptions& options, UnitVectors& vectors) {
  auto after = stored;
  OpenReport report;
  const auto index = after.recover(options, report);
  CHECK(report.problems.empty());
  CHECK(report.missing.empty());
  CHECK(report.newest_sequence <= stored.sequence);
  check_exact(*index, after, vectors, nullptr, 100);
  maintain_all(*index);
  after.checkpoint(*index);
  check_exact(*index, after, vectors, nullptr, 100);
  CHECK(file_names(*index) == file_names(options.directory));
}

}  // namespace

TEST_CASE("an index is recovered from the tail since its checkpoint") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path() / "new" / "index");
  UnitVectors vectors(1, kDimension);
  StoredRows stored;
  OpenReport report;
  {
    const auto index = VectorIndex::open(options, "", report);
    CHECK(report.next_row == 0);
    stored.add(*index, vectors, 25);
    maintain_all(*index);
    stored.apply(*index, {}, {0, 24});
    const auto checkpoint = index->checkpoint();
    REQUIRE(checkpoint);
    CHECK(checkpoint->next_row == 20);  // two segments are written, five rows are in the buffer
    CHECK(checkpoint->sequence == 2);
    stored.manifest = checkpoint->manifest;
    index->checkpointed(*checkpoint);
    CHECK(!index->checkpoint());
    stored.apply(*index, {{30, vectors.next()}}, {1});
    CHECK(index->checkpoint());
  }
  const auto index = stored.recover(options, report);
  CHECK(report.next_row == 20);
  CHECK(report.sequence == 2);
  CHECK(report.problems.empty());
  check_exact(*index, stored, vectors, nullptr, 100);
  CHECK_THROWS_AS(index->apply(Rows{30}, vectors.next(), {}), std::invalid_argument);
}

TEST_CASE("a crash between any two durable steps loses nothing and leaks no file") {
  // Once to count the steps, then once for each of them.
  int steps = 0;
  std::set<std::string, std::less<>> names;
  {
    const TemporaryDirectory directory;
    auto options = options_in(directory.path());
    options.on_durable_step = [&](std::string_view name) {
      ++steps;
      names.emplace(name);
    };
    OpenReport report;
    UnitVectors vectors(1, kDimension);
    StoredRows stored;
    const auto index = VectorIndex::open(options, "", report);
    mixed_work(*index, stored, vectors, 6);
  }
  for (const auto name : clipdex::index::durable_steps()) {
    INFO(name);
    CHECK(names.contains(name));
  }
  for (int last = 1; last <= steps; ++last) {
    const TemporaryDirectory directory;
    auto options = options_in(directory.path() / "index");
    const auto image = options_in(directory.path() / "image");
    int step = 0;
    std::string where;
    options.on_durable_step = [&](std::string_view name) {
      if (++step != last) return;
      fs::copy(options.directory, image.directory);  // what a dead process leaves
      where = name;
      throw Crash(where);
    };
    OpenReport report;
    UnitVectors vectors(1, kDimension);
    StoredRows stored;
    const auto index = VectorIndex::open(options, "", report);
    CHECK_THROWS_AS(mixed_work(*index, stored, vectors, 6), Crash);
    INFO("step " << last << ": " << where);
    check_recovered(stored, image, vectors);
    // A process that lives on after such a failure is whole too.
    check_exact(*index, stored, vectors, nullptr, 100);
    maintain_all(*index);
    stored.checkpoint(*index);
    check_exact(*index, stored, vectors, nullptr, 100);
    CHECK(file_names(*index) == file_names(options.directory));
  }
}

TEST_CASE("files stay until the checkpoint that does not name them is durable") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path());
  UnitVectors vectors(3, kDimension);
  StoredRows stored;
  OpenReport report;
  const auto index = VectorIndex::open(options, "", report);
  stored.add(*index, vectors, 30);
  maintain_all(*index);
  stored.checkpoint(*index);
  const auto before = file_names(*index);
  CHECK(before.size() == 6);
  const auto old_snapshot = index->snapshot();
  stored.add(*index, vectors, 30);
  maintain_all(*index);  // merges
  CHECK(index->snapshot()->statistics().segments < 4);
  for (const auto& name : before) CHECK(fs::exists(options.directory / name));
  const auto checkpoint = index->checkpoint();
  REQUIRE(checkpoint);
  maintain_all(*index);
  for (const auto& name : before) CHECK(fs::exists(options.directory / name));
  stored.manifest = checkpoint->manifest;
  index->checkpointed(*checkpoint);
  for (const auto& name : before) CHECK(!fs::exists(options.directory / name));
  CHECK(file_names(*index) == file_names(options.directory));
  // A snapshot that maps removed files goes on.
  CHECK(old_snapshot->search(vectors.next(), 1, {.limit = 100}).at(0).size() == 30);
}

TEST_CASE("missing segments are handed back, also when the process dies before they are written again") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path());
  UnitVectors vectors(4, kDimension);
  StoredRows stored;
  OpenReport report;
  {
    const auto index = VectorIndex::open(options, "", report);
    stored.add(*index, vectors, 30);
    stored.apply(*index, {}, {12, 13});
    maintain_all(*index);
    stored.checkpoint(*index);
    stored.apply(*index, {}, {14, 29});
  }
  fs::remove(options.directory / "000002.segment");
  const bool checkpoint_before = GENERATE(false, true);
  const bool restored = GENERATE(false, true);
  {
    const auto index = restored ? stored.recover(options, report) : VectorIndex::open(options, stored.manifest, report);
    REQUIRE(report.missing.size() == 1);
    CHECK(report.missing[0].first >= 10);
    CHECK(report.missing[0].last == 19);
    CHECK_THROWS_AS(index->restore({10, 25}, {}, {}), std::invalid_argument);
    CHECK_THROWS_AS(index->restore({40, 45}, {}, {}), std::invalid_argument);
    if (checkpoint_before) stored.checkpoint(*index);
  }
  const auto index = stored.recover(options, report);
  REQUIRE(report.missing.size() >= 1);
  check_exact(*index, stored, vectors, nullptr, 100);
  maintain_all(*index);
  stored.checkpoint(*index);
  const auto again = stored.recover(options, report);
  CHECK(report.problems.empty());
  CHECK(report.missing.empty());
  check_exact(*again, stored, vectors, nullptr, 100);
}

TEST_CASE("nothing is merged across rows that are still to be restored") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path());
  UnitVectors vectors(4, kDimension);
  StoredRows stored;
  OpenReport report;
  {
    const auto index = VectorIndex::open(options, "", report);
    for (int i = 0; i < 5; ++i) {
      stored.add(*index, vectors, 10);
      REQUIRE(index->maintain());  // written, not merged
      if (i == 4) stored.checkpoint(*index);
    }
  }
  fs::remove(options.directory / "000003.json");
  const auto index = VectorIndex::open(options, stored.manifest, report);
  REQUIRE(report.missing.size() == 1);
  CHECK(!index->maintain());
  Vector values;
  const auto rows = stored.live_rows(report.missing[0], values);
  index->restore(report.missing[0], rows, values);
  check_exact(*index, stored, vectors, nullptr, 100);
  maintain_all(*index);
  CHECK(index->snapshot()->statistics().segments == 1);
  check_exact(*index, stored, vectors, nullptr, 100);
}

TEST_CASE("a storage that has lost its last operations can tell, as often as the index is opened") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path());
  UnitVectors vectors(5, kDimension);
  StoredRows stored;
  OpenReport report;
  {
    const auto index = VectorIndex::open(options, "", report);
    stored.add(*index, vectors, 10);
    maintain_all(*index);
    stored.checkpoint(*index);
    stored.add(*index, vectors, 10);
    maintain_all(*index);  // written, but named by no checkpoint
  }
  for (int i = 0; i < 2; ++i) {
    VectorIndex::open(options, stored.manifest, report);
    CHECK(report.sequence == 1);
    CHECK(report.newest_sequence == 2);
  }
}

TEST_CASE("an index on a directory that cannot be written goes on in memory") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path() / "index");
  UnitVectors vectors(6, kDimension);
  StoredRows stored;
  OpenReport report;
  const auto index = VectorIndex::open(options, "", report);
  fs::remove_all(options.directory);
  stored.add(*index, vectors, 45);
  CHECK_THROWS_AS(index->maintain(), std::system_error);
  CHECK_THROWS_AS(index->maintain(), std::system_error);
  check_exact(*index, stored, vectors, nullptr, 100);
  REQUIRE(stored.checkpoint(*index));
  fs::create_directories(options.directory);
  maintain_all(*index);
  check_exact(*index, stored, vectors, nullptr, 100);
  CHECK(index->snapshot()->statistics().segments == 1);
  stored.checkpoint(*index);
  CHECK(file_names(*index) == file_names(options.directory));
}

// The kernel's device that is always full stands in for a disk.
TEST_CASE("a full disk is told by its own error, and leaves nothing behind") {
  const TemporaryDirectory directory;
  const auto options = options_in(directory.path());
  UnitVectors vectors(6, kDimension);
  StoredRows stored;
  OpenReport report;
  const auto index = VectorIndex::open(options, "", report);
  stored.add(*index, vectors, 10);
  fs::create_symlink("/dev/full", options.directory / "000001.segment.tmp");
  CHECK_THROWS_AS(index->maintain(), clipdex::index::DiskFullError);
  CHECK(file_names(options.directory).empty());
  check_exact(*index, stored, vectors, nullptr, 100);
  maintain_all(*index);
  CHECK(index->snapshot()->statistics().segment_details.at(0).on_disk);
}

TEST_CASE("impossible options are refused") {
  const TemporaryDirectory directory;
  OpenReport report;
  CHECK_THROWS_AS(VectorIndex(options_in(directory.path())), std::invalid_argument);
  CHECK_THROWS_AS(VectorIndex::open({.dimension = 3}, "", report), std::invalid_argument);
  CHECK_THROWS_AS(VectorIndex::open({.dimension = 0, .directory = directory.path()}, "", report), std::invalid_argument);
  std::ofstream(directory.path() / "file") << "x";
  CHECK_THROWS_AS(VectorIndex::open(options_in(directory.path() / "file"), "", report), fs::filesystem_error);
}
