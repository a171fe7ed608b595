// What is read from the directory of an index: damage of every kind is found, and never used.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/index/stored_rows.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;
using clipdex::index::IndexOptions;
using clipdex::index::OpenReport;
using clipdex::index::VectorIndex;

constexpr std::size_t kDimension = 7;  // vectors that are no multiple of anything

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes; }

// Two segments of 30 rows, written, and a durable checkpoint.
struct TwoSegments {
  TemporaryDirectory directory;
  IndexOptions options{.dimension = kDimension, .directory = directory.path() / "index", .fingerprint = "0123", .seal_rows = 30};
  UnitVectors vectors{1, kDimension};
  StoredRows stored;
  fs::path segment = options.directory / "000001.segment";
  fs::path sidecar = options.directory / "000001.json";

  TwoSegments() {
    OpenReport report;
    const auto index = VectorIndex::open(options, "", report);
    stored.add(*index, vectors, 60);
    stored.apply(*index, {}, {3, 31});
    maintain_all(*index);
    REQUIRE(stored.checkpoint(*index));
  }

  // The first segment is reported with a sentence that names `file` and has `cause`; what is restored is whole.
  void check_bad(const fs::path& file, const std::string& cause) {
    OpenReport report;
    const auto index = stored.recover(options, report);
    REQUIRE(report.problems.size() == 1);
    CHECK_THAT(report.problems[0], Catch::Matchers::ContainsSubstring(file.filename().string()));
    CHECK_THAT(report.problems[0], Catch::Matchers::ContainsSubstring(cause));
    REQUIRE(report.missing.size() == 1);
    CHECK(report.missing[0] == clipdex::index::RowRange{0, 29});
    CHECK(report.next_row == 60);
    check_exact(*index, stored, vectors, nullptr, 60);
  }
};

}  // namespace

TEST_CASE("segments that are opened again are what they were") {
  TwoSegments two;
  OpenReport report;
  const auto index = VectorIndex::open(two.options, two.stored.manifest, report);
  CHECK(report.problems.empty());
  CHECK(report.missing.empty());
  CHECK(report.sequence == two.stored.sequence);
  CHECK(report.newest_sequence == two.stored.sequence);
  CHECK(report.next_row == 60);
  for (int i = 0; i < 20; ++i) check_exact(*index, two.stored, two.vectors, nullptr, 100);
  const auto statistics = index->snapshot()->statistics();
  CHECK(statistics.segments == 2);
  CHECK(statistics.mapped_bytes == fs::file_size(two.segment) + fs::file_size(two.options.directory / "000002.segment"));
  for (const auto& segment : statistics.segment_details) CHECK(segment.on_disk);
  CHECK(index->files().size() == 4);
}

TEST_CASE("a flipped bit anywhere in a segment file is found") {
  TwoSegments two;
  const auto whole = read(two.segment);
  for (std::size_t at = 0; at < whole.size(); at += 13) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    write(two.segment, bytes);
    two.check_bad(two.segment, "checksum");
  }
}

TEST_CASE("a flipped bit in a sidecar changes nothing or makes the segment bad") {
  TwoSegments two;
  const auto whole = read(two.sidecar);
  std::size_t found = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    write(two.sidecar, bytes);
    OpenReport report;
    const auto index = two.stored.recover(two.options, report);
    CHECK(report.missing.size() == report.problems.size());
    CHECK(report.newest_sequence == two.stored.sequence);
    found += report.missing.size();
    check_exact(*index, two.stored, two.vectors, nullptr, 60);
  }
  CHECK(found > whole.size() / 2);  // the rest is white space that became other white space
}

TEST_CASE("a file that is cut, longer, empty, missing or no file is found") {
  TwoSegments two;
  const auto whole = read(two.segment);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{64}, whole.size() / 2, whole.size() - 1}) {
    write(two.segment, whole.substr(0, size));
    two.check_bad(two.segment, "bytes instead of");
  }
  write(two.segment, whole + "x");
  two.check_bad(two.segment, "bytes instead of");
  fs::remove(two.segment);
  two.check_bad(two.segment, "No such file");
  fs::create_directory(two.segment);
  two.check_bad(two.segment, two.segment.filename());
  fs::remove(two.segment);
  write(two.segment, whole);
  const auto sidecar = read(two.sidecar);
  for (std::size_t size = 0; size < sidecar.size() - 2; size += 20) {
    write(two.sidecar, sidecar.substr(0, size));
    two.check_bad(two.sidecar, "damaged");
  }
  fs::remove(two.sidecar);
  two.check_bad(two.sidecar, "missing");
}

TEST_CASE("a hostile sidecar is refused without using what it says") {
  TwoSegments two;
  const auto whole = read(two.sidecar);
  const auto with = [&](const std::string& old, const std::string& text) {
    auto changed = whole;
    const auto at = changed.find(old);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, old.size(), text);
  };
  write(two.sidecar, with("\"rows\": 29", "\"rows\": 4611686018427387904"));
  two.check_bad(two.sidecar, "checksum");
  write(two.sidecar, with("\"rows\": 29", "\"rows\": -1"));
  two.check_bad(two.sidecar, "checksum");
  write(two.sidecar, with("\"format_version\": 1", "\"format_version\": 2"));
  two.check_bad(two.sidecar, "version 2");
  write(two.sidecar, std::string(1000, '['));
  two.check_bad(two.sidecar, "nested too deep");
  write(two.sidecar, std::string(1 << 20, ' '));
  two.check_bad(two.sidecar, "bytes");
  write(two.sidecar, "[" + std::string(20'000, '1') + "]");
  two.check_bad(two.sidecar, "");
  write(two.sidecar, "[]");
  two.check_bad(two.sidecar, "no JSON object");
  write(two.sidecar, "{}");
  two.check_bad(two.sidecar, "format_version");
}

TEST_CASE("files of another segment, model or dimension are not used") {
  TwoSegments two;
  SECTION("another segment under this name") {
    fs::copy_file(two.options.directory / "000002.json", two.sidecar, fs::copy_options::overwrite_existing);
    fs::copy_file(two.options.directory / "000002.segment", two.segment, fs::copy_options::overwrite_existing);
    two.check_bad(two.sidecar, "segment 2");
  }
  SECTION("the same number of another index") {
    TwoSegments other;
    OpenReport report;
    other.stored = {};
    fs::remove_all(other.options.directory);
    const auto index = VectorIndex::open(other.options, "", report);
    other.stored.add(*index, other.vectors, 30);
    maintain_all(*index);
    fs::copy_file(other.sidecar, two.sidecar, fs::copy_options::overwrite_existing);
    fs::copy_file(other.segment, two.segment, fs::copy_options::overwrite_existing);
    two.check_bad(two.sidecar, "manifest");
  }
  SECTION("another model") {
    OpenReport report;
    two.options.fingerprint = "4567";
    const auto index = VectorIndex::open(two.options, two.stored.manifest, report);
    CHECK(report.missing.size() == 2);
    CHECK_THAT(report.problems.at(0), Catch::Matchers::ContainsSubstring("another model"));
  }
  SECTION("another dimension") {
    OpenReport report;
    two.options.dimension = 8;
    const auto index = VectorIndex::open(two.options, two.stored.manifest, report);
    CHECK(report.missing.size() == 2);
    CHECK_THAT(report.problems.at(0), Catch::Matchers::ContainsSubstring("7 dimensions instead of 8"));
  }
}

TEST_CASE("a damaged manifest is reported, and everything is built again") {
  TwoSegments two;
  const auto whole = two.stored.manifest;
  for (std::size_t at = 0; at < whole.size() * 2; ++at) {
    if (at < whole.size()) {
      two.stored.manifest = whole;
      two.stored.manifest[at] = static_cast<char>(two.stored.manifest[at] ^ (1 << at % 8));
    } else {
      two.stored.manifest = whole.substr(0, at - whole.size());
      if (two.stored.manifest.empty()) continue;  // none yet
    }
    OpenReport report;
    const auto index = two.stored.recover(two.options, report);
    REQUIRE(report.problems.size() == 1);
    CHECK_THAT(report.problems[0], Catch::Matchers::ContainsSubstring("manifest"));
    CHECK(report.next_row == 0);
    CHECK(report.newest_sequence == two.stored.sequence);  // the sidecars still tell
    check_exact(*index, two.stored, two.vectors);
  }
}

TEST_CASE("only files that have names of an index's are ever removed") {
  TwoSegments two;
  for (const char* name : {"notes.txt", "1.segment", "0000001.json", "x.segment.tmp"}) write(two.options.directory / name, "mine");
  for (const char* name : {"000009.segment.tmp", "000009.json.tmp", "000007.segment", "000008.json"})
    write(two.options.directory / name, "");
  OpenReport report;
  const auto index = VectorIndex::open(two.options, two.stored.manifest, report);
  CHECK(report.problems.empty());
  CHECK(file_names(two.options.directory).size() == 4 + 4 + 4);
  CHECK(!index->maintain());
  CHECK(file_names(two.options.directory) == std::set<std::string>{"000001.segment", "000001.json", "000002.segment", "000002.json",
                                                                   "notes.txt", "1.segment", "0000001.json", "x.segment.tmp"});
}
