#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <stdexcept>

#include "tests/index/clustered_vectors.h"

namespace {

using clipdex::index::Approximation;
using clipdex::index::build_approximation;
using clipdex::index::kIvfPq;
using clipdex::index::read_approximation;
using clipdex::index::RowSetBuilder;
using clipdex::index::Tombstones;
using clipdex::tests::as_bytes;
using clipdex::tests::ClusteredVectors;
using clipdex::tests::recall;
using clipdex::tests::written;

constexpr std::size_t kDimension = 32;
constexpr std::size_t kRows = 12'000;

// Built once: it takes seconds.
const ClusteredVectors& vectors() {
  static const ClusteredVectors all(kRows, kDimension);
  return all;
}

const Approximation& file() {
  static const auto built = build_approximation(kIvfPq, vectors().build_input(2));
  return *built;
}

}  // namespace

TEST_CASE("an inverted file finds most of the best rows for every limit") {
  for (const std::size_t limit : {1, 10, 100, 1000, 20'000}) CHECK(recall(file(), vectors().segment(), vectors(), 20, limit) >= 0.95);
}

TEST_CASE("an inverted file finds most of the best rows whatever share of them may be found") {
  const unsigned per_mille = GENERATE(1U, 10U, 50U, 200U, 500U, 900U);
  std::mt19937 random(per_mille);
  RowSetBuilder builder;
  Tombstones deleted;
  for (std::size_t i = 0; i < kRows; ++i) {
    if (random() % 1000 < per_mille) {
      builder.add(vectors().rows()[i]);
    } else {
      deleted.add(i);
    }
  }
  const auto allowed = builder.build();
  auto segment = vectors().segment();
  segment.allowed = &allowed;
  CHECK(recall(file(), segment, vectors(), 30, 10) >= 0.95);
  segment.deleted = &deleted;
  CHECK(recall(file(), segment, vectors(), 30, 10) >= 0.95);
  segment.allowed = nullptr;
  CHECK(recall(file(), segment, vectors(), 30, 10) >= 0.95);
}

TEST_CASE("more lists find more rows") {
  const double little = recall(file(), vectors().segment(), vectors(), 30, 100, 1),
               much = recall(file(), vectors().segment(), vectors(), 30, 100, 60);
  CHECK(little < much);
  CHECK(much >= 0.98);
}

TEST_CASE("many queries at once find in an inverted file what each finds alone") {
  std::vector<std::vector<clipdex::index::Hit>> together(50);
  file().search(vectors().segment(), vectors().queries(50), 50, 10, 0, together);
  for (std::size_t i = 0; i < 50; ++i) {
    std::vector<std::vector<clipdex::index::Hit>> alone(1);
    file().search(vectors().segment(), vectors().query(i), 1, 10, 0, alone);
    CHECK(clipdex::tests::sorted(alone[0]) == clipdex::tests::sorted(together[i]));
  }
}

TEST_CASE("an inverted file of few vectors finds all of them") {
  const std::size_t n = GENERATE(1U, 2U, 50U, 300U);
  const std::size_t dimension = GENERATE(1U, 7U, 13U, 48U);
  const ClusteredVectors few(n, dimension);
  const auto built = build_approximation(kIvfPq, few.build_input(1));
  CHECK(recall(*built, few.segment(), few, 10, 10) == 1);
  const auto bytes = written(*built);
  const auto read = read_approximation(kIvfPq, as_bytes(bytes), n, dimension);
  CHECK(recall(*read, few.segment(), few, 10, 100) == 1);
}

TEST_CASE("an inverted file has lists from its threshold on, and never of fewer vectors than a code has values") {
  const auto [n, rows_min, has_lists] =
      GENERATE(table<std::size_t, std::size_t, bool>({{255, 1, false}, {256, 1, true}, {300, 301, false}, {300, 300, true}}));
  CAPTURE(n, rows_min);
  const ClusteredVectors some(n, 16);
  auto input = some.build_input(1);
  input.thresholds.ivf_rows_min = rows_min;
  const auto built = build_approximation(kIvfPq, input);
  CHECK((built->parameters().find("\"lists\":0,") == std::string::npos) == has_lists);
  CHECK(built->memory_bytes() == clipdex::index::expected_memory_bytes(kIvfPq, n, 16, input.thresholds));
  // A file that was written with lists is read with them, whatever the threshold is then.
  const auto bytes = written(*built);
  CHECK(written(*read_approximation(kIvfPq, as_bytes(bytes), n, 16)) == bytes);
}

TEST_CASE("an inverted file shows its lists to devices, and one without lists shows nothing") {
  const auto lists = file().quantized_lists();
  REQUIRE(lists);
  CHECK(lists->n == kRows);
  CHECK(lists->dimension == kDimension);
  CHECK(lists->centroids.size() == lists->lists() * kDimension);
  CHECK(lists->code_centroids.size() == kDimension * clipdex::index::QuantizedLists::kCodes);
  CHECK(lists->list_starts.back() == kRows);
  CHECK(lists->positions.size() == kRows);
  CHECK(lists->codes.size() == kRows * lists->codes_per_vector);
  CHECK(lists->probes > 0);
  const ClusteredVectors few(100, 16);
  CHECK_FALSE(build_approximation(kIvfPq, few.build_input(1))->quantized_lists());
}

TEST_CASE("as many lists are looked at as hold the codes that are to be compared") {
  using clipdex::index::probes_for;
  CHECK(probes_for(160, 8, 1'000'000, 4000) == 13);  // 3,200 codes of 250 a list
  CHECK(probes_for(160, 64, 1'000'000, 4000) == 64);
  CHECK(probes_for(2048, 8, 10'000, 400) == 400);
  CHECK(probes_for(160, 8, 0, 400) == 0);
}

TEST_CASE("an inverted file is built of copies of one vector") {
  ClusteredVectors copies(10'000, 16);
  for (std::size_t i = 1; i < 10'000; ++i) copies.copy(0, i);
  const auto built = build_approximation(kIvfPq, copies.build_input(2));
  std::vector<std::vector<clipdex::index::Hit>> hits(1);
  built->search(copies.segment(), copies.row(0), 1, 20, 0, hits);
  const auto found = clipdex::tests::sorted(hits[0]);
  REQUIRE(found.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(found[i].row == copies.rows()[i]);
}

TEST_CASE("the same vectors give the same inverted file, whatever the threads") {
  const ClusteredVectors some(10'000, 20);
  CHECK(written(*build_approximation(kIvfPq, some.build_input(1))) == written(*build_approximation(kIvfPq, some.build_input(2))));
}

TEST_CASE("an inverted file that was written and read finds the same") {
  const auto bytes = written(file());
  const auto read = read_approximation(kIvfPq, as_bytes(bytes), kRows, kDimension);
  CHECK(written(*read) == bytes);
  CHECK(read->parameters() == file().parameters());
  CHECK(read->memory_bytes() == file().memory_bytes());
  CHECK(read->memory_bytes() == clipdex::index::expected_memory_bytes(kIvfPq, kRows, kDimension));
  for (std::size_t i = 0; i < 20; ++i) {
    std::vector<std::vector<clipdex::index::Hit>> before(1), after(1);
    file().search(vectors().segment(), vectors().query(i), 1, 10, 0, before);
    read->search(vectors().segment(), vectors().query(i), 1, 10, 0, after);
    CHECK(clipdex::tests::sorted(before[0]) == clipdex::tests::sorted(after[0]));
  }
}

TEST_CASE("bytes that are no inverted file of the segment are refused") {
  const auto bytes = written(file());
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 20)
    CHECK_THROWS_AS(read_approximation(kIvfPq, as_bytes(bytes.substr(0, size)), kRows, kDimension), std::runtime_error);
  CHECK_THROWS_AS(read_approximation(kIvfPq, as_bytes(bytes + 'x'), kRows, kDimension), std::runtime_error);
  CHECK_THROWS_AS(read_approximation(kIvfPq, as_bytes(bytes), kRows + 1, kDimension), std::runtime_error);
  CHECK_THROWS_AS(read_approximation(kIvfPq, as_bytes(bytes), kRows, kDimension * 2), std::runtime_error);
}

TEST_CASE("a damaged inverted file is refused, or searched within its bounds") {
  const auto bytes = written(file());
  std::mt19937 random(7);
  std::size_t refused = 0, strangers = 0;
  for (int i = 0; i < 100; ++i) {
    auto damaged = bytes;
    for (int j = 0; j < 3; ++j) damaged[random() % (i % 2 == 0 ? 24 : bytes.size())] = static_cast<char>(random());
    try {
      const auto read = read_approximation(kIvfPq, as_bytes(damaged), kRows, kDimension);
      std::vector<std::vector<clipdex::index::Hit>> hits(1);
      read->search(vectors().segment(), vectors().query(0), 1, 10, 0, hits);
      for (const auto& hit : hits[0]) strangers += hit.row < vectors().rows().front() || hit.row > vectors().rows().back();
    } catch (const std::runtime_error&) {
      ++refused;
    }
  }
  CHECK(refused > 30);
  CHECK(strangers == 0);
}

TEST_CASE("the building of an inverted file can be stopped") {
  std::stop_source source;
  auto input = vectors().build_input(1);
  input.stop = source.get_token();
  source.request_stop();
  CHECK(build_approximation(kIvfPq, input) == nullptr);
}
