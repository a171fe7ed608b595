// What is found broken on disk is said, never papered over.
#include <rocksdb/db.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "storage/image_store.h"
#include "storage/key_layout.h"
#include "tests/storage/sample_store.h"
#include "tests/storage/tampering.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::storage::CorruptionError;
using clipdex::storage::ImageStore;
using clipdex::tests::Families;
using clipdex::tests::filled;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::tamper;
using clipdex::tests::TemporaryDirectory;

// The largest file with this extension.
fs::path largest(const fs::path& directory, const std::string& extension) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == extension && (found.empty() || entry.file_size() > fs::file_size(found))) found = entry.path();
  }
  REQUIRE(!found.empty());
  return found;
}

void flip_byte(const fs::path& file, std::uintmax_t position) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(position));
  const int byte = stream.get();
  stream.seekp(static_cast<std::streamoff>(position));
  stream.put(static_cast<char>(byte ^ 0x55));
}

// Opens the store and reads everything in it. Throws, or what it read is what filled() wrote.
void read_everything(const fs::path& path) {
  const auto store = ImageStore::open(path);
  bool right = true;
  store->for_each_embedding([&](std::uint64_t, std::span<const float> embedding) { right = right && embedding[1] == 2; });
  for (const std::string id : {"a", "b", "c"}) {
    const auto record = store->find(id);
    right = right && record && record->source == "a/" + id;
    right = right && store->thumbnail(record->row) == image(id, "1").thumbnail;
  }
  CHECK(right);
}

}  // namespace

TEST_CASE("a missing, a damaged, a foreign and an open store are told apart") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  CHECK_THROWS_MATCHES(ImageStore::open(path), std::runtime_error, MessageMatches(ContainsSubstring("there is no store")));
  auto store = filled(path);
  CHECK_THROWS_MATCHES(ImageStore::open(path), std::runtime_error, MessageMatches(ContainsSubstring("open in another process")));
  CHECK_THROWS_AS(ImageStore::create(path, kInfo), std::runtime_error);
  store.reset();
  std::ofstream(path / "CURRENT") << "nonsense";
  CHECK_THROWS_AS(ImageStore::open(path), std::runtime_error);
}

TEST_CASE("a damaged, a shortened and a missing table or blob file are errors and never another answer") {
  const auto extension = GENERATE(".sst", ".blob");
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path);
  ImageStore::open(path);  // recovery moves the log into tables
  read_everything(path);
  SECTION("damaged") {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == extension) flip_byte(entry.path(), entry.file_size() / 3);
    }
    CHECK_THROWS_AS(read_everything(path), CorruptionError);
  }
  SECTION("shortened") {
    const auto file = largest(path, extension);
    fs::resize_file(file, fs::file_size(file) / 2);
    CHECK_THROWS_AS(read_everything(path), CorruptionError);
  }
  SECTION("missing") {
    fs::remove(largest(path, extension));
    CHECK_THROWS_AS(read_everything(path), std::runtime_error);
  }
}

TEST_CASE("damage in the middle of the log is an error, not a silent loss of what was acknowledged behind it") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  {
    const auto store = filled(path);
    for (int i = 0; i < 20; ++i) store->write({.images = {image("more" + std::to_string(i), "5")}});
  }
  const auto log = largest(path, ".log");
  flip_byte(log, fs::file_size(log) / 2);
  CHECK_THROWS_AS(ImageStore::open(path), CorruptionError);
}

TEST_CASE("a request that the log holds in part is dropped whole, and those before it are kept") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  std::uintmax_t whole = 0, torn = 0;
  {
    const auto store = filled(path);
    const auto log = largest(path, ".log");
    whole = fs::file_size(log);
    store->write({.images = {image("x", "7"), image("y", "8")}, .deleted_ids = {"a"}});
    torn = fs::file_size(log);
  }
  const auto cut = GENERATE(1, 50, 2000);
  REQUIRE(torn > whole + 2000);
  fs::resize_file(largest(path, ".log"), torn - static_cast<std::uintmax_t>(cut));
  read_everything(path);
  const auto store = ImageStore::open(path);
  CHECK(store->count() == 3);
  CHECK(!store->find("x"));
  CHECK(!store->find("y"));
}

TEST_CASE("a manifest that is cut off or damaged is an error") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path);
  ImageStore::open(path);
  fs::path manifest;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().filename().string().starts_with("MANIFEST")) manifest = entry.path();
  }
  SECTION("cut off") {
    fs::resize_file(manifest, fs::file_size(manifest) / 2);
    CHECK_THROWS_AS(read_everything(path), std::runtime_error);
  }
  SECTION("damaged") {
    flip_byte(manifest, fs::file_size(manifest) / 2);
    CHECK_THROWS_AS(read_everything(path), CorruptionError);
  }
}

TEST_CASE("a store of a newer format is refused with the remedy") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path);
  SECTION("by its number") {
    tamper(path, [](rocksdb::DB& database, const Families& families) {
      const auto* key = "format";
      REQUIRE(database.Put(rocksdb::WriteOptions(), families[clipdex::storage::kSys + 1], key, "3").ok());
    });
  }
  SECTION("by what it holds") {
    tamper(path, [](rocksdb::DB& database, const Families&) {
      rocksdb::ColumnFamilyHandle* family = nullptr;
      REQUIRE(database.CreateColumnFamily(rocksdb::ColumnFamilyOptions(), "vectors_v2", &family).ok());
      database.DestroyColumnFamilyHandle(family);
    });
  }
  CHECK_THROWS_MATCHES(ImageStore::open(path), std::runtime_error,
                       MessageMatches(ContainsSubstring("use the version of clipdex that wrote it")));
}

TEST_CASE("an embedding or a record that is gone is noticed") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  const auto row = clipdex::storage::row_key(filled(path)->find("b")->row);
  const auto family = GENERATE(clipdex::storage::kVectors, clipdex::storage::kRecords);
  tamper(path, [&](rocksdb::DB& database, const Families& families) {
    REQUIRE(database.Delete(rocksdb::WriteOptions(), families[family + 1], row).ok());
  });
  CHECK_THROWS_AS(read_everything(path), CorruptionError);
}

TEST_CASE("an embedding that is not what was written is noticed") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  const auto row = filled(path)->find("b")->row;
  tamper(path, [&](rocksdb::DB& database, const Families& families) {
    std::string value;
    const auto key = clipdex::storage::row_key(row);
    REQUIRE(database.Get(rocksdb::ReadOptions(), families[clipdex::storage::kVectors + 1], key, &value).ok());
    value.back() = static_cast<char>(value.back() ^ 1);
    REQUIRE(database.Put(rocksdb::WriteOptions(), families[clipdex::storage::kVectors + 1], key, value).ok());
  });
  const auto store = ImageStore::open(path);
  CHECK_THROWS_MATCHES(store->embedding(row), CorruptionError, MessageMatches(ContainsSubstring("row " + std::to_string(row))));
}

TEST_CASE("a record with another row's bytes, or with a bit flipped, is noticed") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  const auto row = filled(path)->find("b")->row;
  const bool foreign = GENERATE(false, true);
  tamper(path, [&](rocksdb::DB& database, const Families& families) {
    std::string value;
    auto* records = families[clipdex::storage::kRecords + 1];
    REQUIRE(database.Get(rocksdb::ReadOptions(), records, clipdex::storage::row_key(foreign ? row - 1 : row), &value).ok());
    if (!foreign) value[value.size() - 3] = static_cast<char>(value[value.size() - 3] ^ 1);
    REQUIRE(database.Put(rocksdb::WriteOptions(), records, clipdex::storage::row_key(row), value).ok());
  });
  const auto store = ImageStore::open(path);
  CHECK_THROWS_MATCHES(store->get(row), CorruptionError, MessageMatches(ContainsSubstring("row " + std::to_string(row))));
  CHECK_THROWS_AS(store->find("b"), CorruptionError);
  const std::vector<std::string> ids{"a", "b"};
  CHECK_THROWS_AS(store->find_many(ids), CorruptionError);
}

TEST_CASE("no flipped bit in a picture's file gives another picture") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  {
    auto big = image("big", "1");
    big.original = std::string(3000, 'o');
    ImageStore::create(path, kInfo)->write({.images = {big}});
  }
  ImageStore::open(path);  // recovery moves the log into files
  const auto row = ImageStore::open(path)->find("big")->row;
  const auto file = largest(path, ".blob");
  std::size_t errors = 0;
  for (std::uintmax_t position = 0; position < fs::file_size(file); position += 131) {
    CAPTURE(position);
    flip_byte(file, position);
    try {
      const auto store = ImageStore::open(path);
      const auto original = store->original(row);
      const auto thumbnail = store->thumbnail(row);
      CHECK(original == std::string(3000, 'o'));
      CHECK(thumbnail == image("big", "1").thumbnail);
    } catch (const CorruptionError&) {
      ++errors;
    }
    flip_byte(file, position);
  }
  CHECK(errors > 30);  // the pictures are most of the file
  CHECK(ImageStore::open(path)->original(row) == std::string(3000, 'o'));
}

TEST_CASE("a store of format version 1 is upgraded when it is opened, also after an interruption") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path);
  const bool interrupted = GENERATE(false, true);
  // As version 1 had it: records without checksums, no operations and no sequences.
  tamper(path, [&](rocksdb::DB& database, const Families& families) {
    const rocksdb::WriteOptions options;
    auto* records = families[clipdex::storage::kRecords + 1];
    auto* sys = families[clipdex::storage::kSys + 1];
    for (const std::uint64_t row : {0, 1, 2}) {
      if (interrupted && row == 0) continue;  // this one was rewritten before
      std::string value;
      REQUIRE(database.Get(rocksdb::ReadOptions(), records, clipdex::storage::row_key(row), &value).ok());
      REQUIRE(database.Put(options, records, clipdex::storage::row_key(row), value.substr(8)).ok());
    }
    REQUIRE(database.Delete(options, families[clipdex::storage::kOps + 1], clipdex::storage::number_key(1)).ok());
    REQUIRE(database.Delete(options, sys, "last_sequence").ok());
    REQUIRE(database.Delete(options, sys, "trimmed_sequence").ok());
    REQUIRE(database.Put(options, sys, "format", interrupted ? "1-2" : "1").ok());
    if (interrupted) REQUIRE(database.Put(options, sys, "upgraded_rows", "1").ok());
  });
  read_everything(path);
  const auto store = ImageStore::open(path);
  CHECK(store->count() == 3);
  CHECK(store->last_sequence() == 0);
  CHECK(store->write({.images = {image("d", "4")}}).sequence == 1);
  CHECK(store->write({.images = {image("e", "4")}}).rows == std::vector<std::uint64_t>{4});
}
