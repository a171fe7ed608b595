// Copies of a store that are made while it is used.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <thread>

#include "storage/image_store.h"
#include "tests/storage/sample_store.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::storage::ImageStore;
using clipdex::storage::Operation;
using clipdex::tests::filled;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::TemporaryDirectory;

}  // namespace

TEST_CASE("a checkpoint is the store as it was, pictures and manifest included, and lives on its own") {
  const TemporaryDirectory directory;
  const auto copy = directory.path() / "copies" / "first";
  const auto store = filled(directory.path() / "store");
  store->put_index_manifest("manifest", 1);
  store->write({.images = {image("b", "7", 5)}});
  store->checkpoint(copy);
  store->write({.deleted_ids = {"a", "b", "c"}});
  const auto opened = ImageStore::open(copy);
  CHECK(opened->info().model_fingerprint == kInfo.model_fingerprint);
  CHECK(opened->count() == 3);
  CHECK(opened->last_sequence() == 2);
  CHECK(opened->index_manifest() == "manifest");
  const auto b = opened->find("b");
  REQUIRE(b);
  CHECK(opened->embedding(b->row)->front() == 5);
  CHECK(opened->thumbnail(b->row) == image("b", "7").thumbnail);
  CHECK(opened->write({.images = {image("d", "8")}}).sequence == 3);
  CHECK(store->count() == 0);
}

TEST_CASE("a checkpoint under load is one moment of it") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo, {.write_buffer_bytes = 64 << 10});
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    // Two images that are always of the same write.
    for (int i = 0; !done; ++i) {
      const auto content = static_cast<float>(i);
      store->write({.images = {image("x" + std::to_string(i % 5), "1", content), image("y" + std::to_string(i % 5), "2", content)}});
    }
  });
  for (int n = 0; n < 5; ++n) {
    const auto before = store->last_sequence();
    const auto copy = directory.path() / ("copy" + std::to_string(n));
    store->checkpoint(copy);
    const auto opened = ImageStore::open(copy);
    CHECK(opened->last_sequence() >= before);
    std::uint64_t sequence = 0;
    opened->for_each_operation_after(0, [&](const Operation& operation) { sequence = operation.sequence; });
    CHECK(sequence == opened->last_sequence());
    std::size_t rows = 0;
    opened->for_each_embedding([&](std::uint64_t, std::span<const float>) { ++rows; });
    CHECK(rows == opened->count());
    for (const auto& record : opened->list("x", 5)) {
      const auto twin = opened->find("y" + record.id.substr(1));
      REQUIRE(twin);
      CHECK(opened->embedding(record.row) == opened->embedding(twin->row));
      CHECK(opened->thumbnail(twin->row) == image(twin->id, "2").thumbnail);
    }
  }
  done = true;
}

TEST_CASE("a checkpoint is refused where something is, and leaves nothing behind when it fails") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  fs::create_directory(directory.path() / "taken");
  CHECK_THROWS_MATCHES(store->checkpoint(directory.path() / "taken"), std::runtime_error,
                       MessageMatches(ContainsSubstring("exists already")));
  std::ofstream(directory.path() / "file") << "not a directory";
  CHECK_THROWS_AS(store->checkpoint(directory.path() / "file" / "copy"), std::runtime_error);
  // Left by a process that was killed in the middle.
  fs::create_directory(directory.path() / "copy.tmp");
  std::ofstream(directory.path() / "copy.tmp" / "000001.sst") << "half";
  store->checkpoint(directory.path() / "copy");
  CHECK(!fs::exists(directory.path() / "copy.tmp"));
  CHECK(ImageStore::open(directory.path() / "copy")->count() == 3);
}
