#include "storage/image_store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using clipdex::storage::CorruptionError;
using clipdex::storage::ImageStore;
using clipdex::storage::NewImage;
using clipdex::storage::StoreInfo;
using clipdex::storage::WriteRequest;
using clipdex::tests::TemporaryDirectory;

const StoreInfo kInfo{.model_fingerprint = "f00d", .model_name = "tiny", .dimension = 3, .settings = R"({"store":"thumbnail"})", .created_ms = 17};

NewImage image(const std::string& id, const std::string& content, float first = 1) {
  NewImage made;
  made.record = {.id = id, .content_hash = content + std::string(32 - content.size(), '0'), .width = 4, .height = 5, .format = "png", .bytes = 6,
                 .source = "a/" + id, .created_ms = 7, .updated_ms = 8, .metadata = R"({"k":"v"})"};
  made.embedding = {first, 2, 3};
  made.thumbnail = "thumbnail of " + id + std::string(2000, 't');
  return made;
}

std::unique_ptr<ImageStore> filled(const fs::path& directory) {
  auto store = ImageStore::create(directory, kInfo);
  store->write({.images = {image("a", "1"), image("b", "2"), image("c", "1")}});
  return store;
}

}  // namespace

TEST_CASE("what was written is there after reopening") {
  const TemporaryDirectory directory;
  filled(directory.path() / "store");
  const auto store = ImageStore::open(directory.path() / "store");
  CHECK(store->info().model_fingerprint == "f00d");
  CHECK(store->info().settings == kInfo.settings);
  CHECK(store->info().dimension == 3);
  CHECK(store->count() == 3);
  const auto b = store->find("b");
  REQUIRE(b);
  auto expected = image("b", "2").record;
  expected.row = b->row;
  CHECK(*b == expected);
  CHECK(store->get(b->row) == b);
  CHECK(store->embedding(b->row) == std::vector<float>{1, 2, 3});
  CHECK(store->thumbnail(b->row) == image("b", "2").thumbnail);
  CHECK(!store->original(b->row));
  CHECK(!store->find("d"));
  CHECK(!store->get(99));
  CHECK(store->disk_bytes() > 0);
}

TEST_CASE("a replaced image has a new row and nothing of the old one") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  const auto old = store->find("b");
  const auto result = store->write({.images = {image("b", "3", 9)}});
  REQUIRE(result.rows.size() == 1);
  CHECK(result.rows[0] == 3);
  CHECK(result.removed_rows == std::vector<std::uint64_t>{old->row});
  CHECK(store->count() == 3);
  CHECK(!store->get(old->row));
  CHECK(!store->embedding(old->row));
  CHECK(!store->thumbnail(old->row));
  CHECK(!store->row_of_content(old->content_hash));
  CHECK(store->find("b")->row == 3);
}

TEST_CASE("rows are never handed out twice, whatever is deleted and reopened") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path)->write({.deleted_ids = {"a", "b", "c", "nobody"}});
  const auto store = ImageStore::open(path);
  CHECK(store->count() == 0);
  CHECK(store->write({.images = {image("a", "1")}}).rows == std::vector<std::uint64_t>{3});
}

TEST_CASE("content is found by the newest of its rows, and not after the last of them is gone") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  const auto hash = image("", "1").record.content_hash;
  CHECK(store->row_of_content(hash) == store->find("c")->row);
  store->write({.deleted_ids = {"c"}});
  CHECK(store->row_of_content(hash) == store->find("a")->row);
  store->write({.deleted_ids = {"a"}});
  CHECK(!store->row_of_content(hash));
}

TEST_CASE("changed metadata keeps the row and the embedding") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  auto record = *store->find("a");
  record.metadata = R"({"new":1})";
  CHECK(store->write({.changed = {record}}).rows.empty());
  CHECK(store->find("a") == record);
  // A record that was replaced meanwhile is not brought back.
  store->write({.images = {image("a", "4")}});
  store->write({.changed = {record}});
  CHECK(!store->get(record.row));
}

TEST_CASE("listing goes in order of ids, page by page") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  const auto page = store->list("", 2);
  REQUIRE(page.size() == 2);
  CHECK(page[0].id == "a");
  CHECK(page[1].id == "b");
  REQUIRE(store->list("b", 2).size() == 1);
  CHECK(store->list("bb", 2).at(0).id == "c");
  CHECK(store->list("c", 2).empty());
}

TEST_CASE("embeddings are visited in order of rows, the live ones alone") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  store->write({.images = {image("a", "5", 42)}, .deleted_ids = {"b"}});
  std::vector<std::pair<std::uint64_t, float>> seen;
  store->for_each_embedding([&](std::uint64_t row, std::span<const float> embedding) { seen.emplace_back(row, embedding[0]); });
  CHECK(seen == std::vector<std::pair<std::uint64_t, float>>{{2, 1}, {3, 42}});
}

TEST_CASE("impossible requests are refused whole") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  auto wide = image("w", "7");
  wide.embedding.push_back(4);
  CHECK_THROWS_AS(store->write({.images = {image("ok", "8"), wide}}), std::invalid_argument);
  CHECK_THROWS_AS(store->write({.images = {image("x", "8"), image("x", "9")}}), std::invalid_argument);
  CHECK_THROWS_AS(store->write({.images = {image("", "8")}}), std::invalid_argument);
  CHECK(store->count() == 3);
  CHECK(!store->find("ok"));
}

TEST_CASE("a missing, a damaged, a foreign and an open store are told apart") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  using Catch::Matchers::ContainsSubstring;
  using Catch::Matchers::MessageMatches;
  CHECK_THROWS_MATCHES(ImageStore::open(path), std::runtime_error, MessageMatches(ContainsSubstring("there is no store")));
  auto store = filled(path);
  CHECK_THROWS_MATCHES(ImageStore::open(path), std::runtime_error, MessageMatches(ContainsSubstring("Another process")));
  CHECK_THROWS_AS(ImageStore::create(path, kInfo), std::runtime_error);
  store.reset();
  std::ofstream(path / "CURRENT") << "nonsense";
  CHECK_THROWS_AS(ImageStore::open(path), std::runtime_error);
}

TEST_CASE("a damaged table is an error and never another answer") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  filled(path);
  ImageStore::open(path);  // recovery moves the log into tables
  bool damaged = false;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('\x7F');
    damaged = true;
  }
  REQUIRE(damaged);
  const auto everything = [&] {
    const auto store = ImageStore::open(path);
    store->for_each_embedding([](std::uint64_t, std::span<const float> embedding) { REQUIRE(embedding[1] == 2); });
    for (const auto* id : {"a", "b", "c"}) REQUIRE(store->find(id)->source == std::string("a/") + id);
  };
  CHECK_THROWS_AS(everything(), CorruptionError);
}

TEST_CASE("writers from several threads are serialised") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 10; ++i) store->write({.images = {image(std::to_string(i), std::to_string(t))}});
      });
    }
  }
  CHECK(store->count() == 10);
  std::size_t rows = 0;
  store->for_each_embedding([&](std::uint64_t, std::span<const float>) { ++rows; });
  CHECK(rows == 10);
}

TEST_CASE("what was acknowledged before kill -9 is there, whole, after it") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  ImageStore::create(path, kInfo);
  std::mt19937 random(3);
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    int journal[2];
    REQUIRE(::pipe(journal) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto store = ImageStore::open(path);
      for (std::uint64_t n = acknowledged;; ++n) {
        // Two images a request: they must share their fate.
        store->write({.images = {image("x" + std::to_string(n), "1"), image("y" + std::to_string(n), "2")}});
        if (::write(journal[1], &n, sizeof n) != sizeof n) ::_exit(1);
      }
    }
    ::close(journal[1]);
    const auto wanted = 5 + random() % 40;
    for (std::uint64_t n = 0, read = 0; read < wanted && ::read(journal[0], &n, sizeof n) == sizeof n; ++read) acknowledged = n + 1;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    for (std::uint64_t n = 0; ::read(journal[0], &n, sizeof n) == sizeof n;) acknowledged = n + 1;
    ::close(journal[0]);
    const auto store = ImageStore::open(path);
    for (std::uint64_t n = 0; n < acknowledged; ++n) REQUIRE(store->find("x" + std::to_string(n)));
    const auto records = store->list("", 1'000'000);
    CHECK(records.size() == store->count());
    CHECK(records.size() % 2 == 0);
    for (const auto& record : records) REQUIRE((store->embedding(record.row) && store->thumbnail(record.row)));
    acknowledged = store->count() / 2;
  }
}
