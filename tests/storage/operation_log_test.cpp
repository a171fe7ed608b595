#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "storage/image_store.h"
#include "storage/key_layout.h"
#include "tests/storage/sample_store.h"
#include "tests/storage/tampering.h"
#include "tests/temporary_directory.h"

namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::storage::CorruptionError;
using clipdex::storage::ImageStore;
using clipdex::storage::kOps;
using clipdex::storage::kSys;
using clipdex::storage::number_key;
using clipdex::storage::Operation;
using clipdex::tests::Families;
using clipdex::tests::filled;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::tamper;
using clipdex::tests::TemporaryDirectory;

std::vector<Operation> operations_after(const ImageStore& store, std::uint64_t sequence) {
  std::vector<Operation> operations;
  store.for_each_operation_after(sequence, [&](const Operation& operation) { operations.push_back(operation); });
  return operations;
}

using Rows = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("every write is an operation that says what it changed, also after reopening") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  {
    const auto store = ImageStore::create(path, kInfo);
    CHECK(store->last_sequence() == 0);
    CHECK(operations_after(*store, 0).empty());
    CHECK(store->write({.images = {image("a", "1"), image("b", "2")}}).sequence == 1);
    CHECK(store->write({.images = {image("b", "3")}, .deleted_ids = {"a", "nobody"}}).sequence == 2);
    CHECK(store->write({.changed = {*store->find("b"), image("gone", "1").record}}).sequence == 3);
    CHECK(store->write({}).sequence == 4);
    CHECK(store->last_sequence() == 4);
  }
  const auto store = ImageStore::open(path);
  CHECK(store->last_sequence() == 4);
  const auto operations = operations_after(*store, 0);
  REQUIRE(operations.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(operations[i].sequence == i + 1);
    CHECK(operations[i].time_ms > 0);
  }
  CHECK((operations[0].first_row == 0 && operations[0].added_rows == 2 && operations[0].removed_rows.empty() && operations[0].count == 2));
  CHECK((operations[1].first_row == 2 && operations[1].added_rows == 1 && operations[1].removed_rows == Rows{0, 1} &&
         operations[1].count == 1));
  CHECK((operations[2].added_rows == 0 && operations[2].changed_records == 1 && operations[2].count == 1));
  CHECK((operations[3].first_row == 3 && operations[3].added_rows == 0 && operations[3].changed_records == 0));
  CHECK(operations_after(*store, 2) == std::vector<Operation>(operations.begin() + 2, operations.end()));
  CHECK(operations_after(*store, 4).empty());
  CHECK(store->write({}).sequence == 5);
}

TEST_CASE("an index manifest comes back as it was and trims the operations that it holds") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  std::string large(5 << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i >> 9);
  {
    const auto store = filled(path);
    for (int i = 0; i < 4; ++i) store->write({.images = {image("a", std::to_string(i))}});
    CHECK(!store->index_manifest());
    store->put_index_manifest("first", 2);
    CHECK(store->index_manifest() == "first");
    store->put_index_manifest(large, 3);
  }
  const auto store = ImageStore::open(path);
  CHECK(store->index_manifest() == large);
  CHECK(store->last_sequence() == 5);
  const auto left = operations_after(*store, 3);
  REQUIRE(left.size() == 2);
  CHECK(left.front().sequence == 4);
  CHECK_THROWS_MATCHES(operations_after(*store, 2), CorruptionError, MessageMatches(ContainsSubstring("operation 3 is missing")));
  CHECK_THROWS_MATCHES(operations_after(*store, 6), CorruptionError, MessageMatches(ContainsSubstring("operation 6 is missing")));
  CHECK_THROWS_AS(store->put_index_manifest("old", 2), std::invalid_argument);
  CHECK_THROWS_AS(store->put_index_manifest("new", 6), std::invalid_argument);
  store->put_index_manifest("", 5);
  CHECK(store->index_manifest() == "");
  CHECK(operations_after(*store, 5).empty());
}

TEST_CASE("a store whose operations are all trimmed goes on where it was") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path)->put_index_manifest("all", 1);
  const auto store = ImageStore::open(path);
  CHECK(store->last_sequence() == 1);
  CHECK(store->write({.images = {image("d", "9")}}).sequence == 2);
}

TEST_CASE("an operation that is missing or damaged in the middle is an error") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  {
    const auto store = filled(path);
    for (int i = 0; i < 4; ++i) store->write({.deleted_ids = {"a"}});
  }
  SECTION("missing") {
    tamper(path, [](rocksdb::DB& database, const Families& families) {
      REQUIRE(database.Delete(rocksdb::WriteOptions(), families[kOps + 1], number_key(3)).ok());
    });
    CHECK_THROWS_MATCHES(operations_after(*ImageStore::open(path), 0), CorruptionError,
                         MessageMatches(ContainsSubstring("operation 3 is missing")));
  }
  SECTION("another's bytes") {
    tamper(path, [](rocksdb::DB& database, const Families& families) {
      std::string value;
      REQUIRE(database.Get(rocksdb::ReadOptions(), families[kOps + 1], number_key(2), &value).ok());
      REQUIRE(database.Put(rocksdb::WriteOptions(), families[kOps + 1], number_key(3), value).ok());
    });
    CHECK_THROWS_MATCHES(operations_after(*ImageStore::open(path), 0), CorruptionError,
                         MessageMatches(ContainsSubstring("operation 3 is damaged")));
  }
  SECTION("of no use") {
    tamper(path, [](rocksdb::DB& database, const Families& families) {
      REQUIRE(database.Put(rocksdb::WriteOptions(), families[kOps + 1], number_key(3), "short").ok());
    });
    CHECK_THROWS_AS(operations_after(*ImageStore::open(path), 0), CorruptionError);
  }
}

TEST_CASE("counters that contradict the operations or each other are refused when the store is opened") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path)->write({.deleted_ids = {"a"}});
  const auto set = [&](const char* key, const char* value) {
    tamper(path, [&](rocksdb::DB& database, const Families& families) {
      REQUIRE(database.Put(rocksdb::WriteOptions(), families[kSys + 1], key, value).ok());
    });
  };
  SECTION("a row that was handed out") { set("next_row", "2"); }
  SECTION("a count that no operation left") { set("count", "3"); }
  SECTION("more images than rows") { set("count", "4"); }
  SECTION("an operation that is not there") { set("last_sequence", "3"); }
  SECTION("an operation too many") { set("last_sequence", "1"); }
  SECTION("operations that were trimmed and are there") { set("trimmed_sequence", "2"); }
  SECTION("no number") { set("last_sequence", "two"); }
  SECTION("the oldest operation is gone") {
    tamper(path, [](rocksdb::DB& database, const Families& families) {
      REQUIRE(database.Delete(rocksdb::WriteOptions(), families[kOps + 1], number_key(1)).ok());
    });
  }
  SECTION("the newest operation is gone") {
    tamper(path, [](rocksdb::DB& database, const Families& families) {
      REQUIRE(database.Delete(rocksdb::WriteOptions(), families[kOps + 1], number_key(2)).ok());
    });
  }
  CHECK_THROWS_AS(ImageStore::open(path), CorruptionError);
}

TEST_CASE("a damaged index manifest is an error") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path)->put_index_manifest("bytes of the index", 1);
  tamper(path, [](rocksdb::DB& database, const Families& families) {
    std::string value;
    REQUIRE(database.Get(rocksdb::ReadOptions(), families[kSys + 1], "index_manifest", &value).ok());
    value.back() = 'y';
    REQUIRE(database.Put(rocksdb::WriteOptions(), families[kSys + 1], "index_manifest", value).ok());
  });
  CHECK_THROWS_AS(ImageStore::open(path)->index_manifest(), CorruptionError);
}

TEST_CASE("sequences of writers from several threads are without gaps, and each operation is its writer's") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo);
  constexpr std::size_t kThreads = 8, kWrites = 20;
  std::vector<clipdex::storage::WriteResult> results(kThreads * kWrites);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        // Some of the ids are everybody's, so that requests of one batch replace each other's images.
        for (std::size_t i = 0; i < kWrites; ++i) {
          results[t * kWrites + i] = store->write(
              {.images = {image("shared" + std::to_string(i % 3), "1"), image(std::to_string(t) + "-" + std::to_string(i), "2")}});
        }
      });
    }
  }
  const auto operations = operations_after(*store, 0);
  REQUIRE(operations.size() == kThreads * kWrites);
  for (const auto& result : results) {
    const auto& operation = operations.at(result.sequence - 1);
    CHECK((operation.first_row == result.rows.front() && operation.added_rows == 2 && operation.removed_rows == result.removed_rows));
  }
  CHECK(store->count() == kThreads * kWrites + 3);
  std::size_t rows = 0;
  store->for_each_embedding([&](std::uint64_t, std::span<const float>) { ++rows; });
  CHECK(rows == store->count());
}
