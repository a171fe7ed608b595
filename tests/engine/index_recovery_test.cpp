// What the store holds and the index has not heard of: after a failed sync, want of memory, or a start.
#include "engine/index_recovery.h"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>
#include <set>
#include <stop_token>

#include "tests/storage/sample_store.h"
#include "tests/temporary_directory.h"

namespace {

using clipdex::engine::catch_up;
using clipdex::engine::open_index;
using clipdex::index::IndexOptions;
using clipdex::index::IndexType;
using clipdex::index::VectorIndex;
using clipdex::storage::ImageStore;
using clipdex::storage::WriteResult;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::TemporaryDirectory;

IndexOptions options(const std::filesystem::path& directory) {
  return {.dimension = kInfo.dimension,
          .type = IndexType::kFlat,
          .directory = directory,
          .fingerprint = kInfo.model_fingerprint,
          .seal_rows = 16};
}

void apply(VectorIndex& index, const ImageStore& store, const WriteResult& written) {
  std::vector<float> vectors;
  for (const auto row : written.rows) {
    const auto embedding = store.embedding(row);
    vectors.insert(vectors.end(), embedding->begin(), embedding->end());
  }
  index.apply(written.rows, vectors, written.removed_rows, written.sequence);
}

std::set<std::uint64_t> rows_of(const VectorIndex& index) {
  std::set<std::uint64_t> rows;
  const auto hits = index.snapshot()->search(std::vector<float>{1, 1, 1}, 1, {.limit = 10'000, .exact = true});
  for (const auto& hit : hits.at(0)) rows.insert(hit.row);
  return rows;
}

std::set<std::uint64_t> rows_of(const ImageStore& store) {
  std::set<std::uint64_t> rows;
  store.for_each_embedding([&](std::uint64_t row, std::span<const float>) { rows.insert(row); });
  return rows;
}

}  // namespace

TEST_CASE("an index that missed operations catches up with additions, replacements and deletions") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo);
  const auto index = open_index(*store, options(directory.path() / "index")).index;
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const std::string id = std::to_string(random() % 60);
    const auto written = random() % 3 == 0 ? store->write({.deleted_ids = {id}})
                                           : store->write({.images = {image(id, "1", static_cast<float>(round)), image("x" + id, "2")}});
    // Now and then the index hears nothing for a while.
    if (round / 20 % 2 == 0 && index->applied().sequence + 1 == written.sequence) {
      apply(*index, *store, written);
    } else if (random() % 8 == 0) {
      catch_up(*store, *index);
      REQUIRE(rows_of(*index) == rows_of(*store));
    }
    if (round % 50 == 49) index->maintain();
  }
  catch_up(*store, *index);
  CHECK(index->applied().sequence == store->last_sequence());
  CHECK(rows_of(*index) == rows_of(*store));
  catch_up(*store, *index);  // with nothing to do
  CHECK(rows_of(*index) == rows_of(*store));
}

TEST_CASE("a checkpoint of an index that is behind loses nothing for the next start") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo);
  {
    const auto index = open_index(*store, options(directory.path() / "index")).index;
    for (int i = 0; i < 40; ++i) apply(*index, *store, store->write({.images = {image(std::to_string(i), "1")}}));
    store->write({.images = {image("unheard", "2")}, .deleted_ids = {"3"}});
    while (index->maintain()) {
    }
    const auto made = index->checkpoint();
    REQUIRE(made);
    store->put_index_manifest(made->manifest, made->sequence);
    index->checkpointed(*made);
  }
  const auto opened = open_index(*store, options(directory.path() / "index"));
  CHECK(opened.checkpoint_sequence == store->last_sequence() - 1);
  CHECK(rows_of(*opened.index) == rows_of(*store));
}

TEST_CASE("an index whose manifest in the store is damaged is made again") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo);
  for (int i = 0; i < 40; ++i) store->write({.images = {image(std::to_string(i), "1")}});
  store->put_index_manifest("no manifest", store->last_sequence());
  const auto opened = open_index(*store, options(directory.path() / "index"));
  CHECK(rows_of(*opened.index) == rows_of(*store));
}
