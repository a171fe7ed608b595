#include "storage/image_store.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/storage/sample_store.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using clipdex::storage::ImageStore;
using clipdex::tests::filled;
using clipdex::tests::image;
using clipdex::tests::kInfo;
using clipdex::tests::TemporaryDirectory;

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

TEST_CASE("a deletion or a replacement outranks new metadata in the same request") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  auto a = *store->find("a"), b = *store->find("b");
  a.metadata = b.metadata = R"({"new":1})";
  store->write({.images = {image("b", "6")}, .deleted_ids = {"a"}, .changed = {a, b}});
  CHECK(!store->find("a"));
  CHECK(!store->get(a.row));
  CHECK(!store->get(b.row));
  CHECK(store->find("b")->metadata == image("b", "6").record.metadata);
  CHECK(store->count() == 2);
}

TEST_CASE("a reader never misses an image while it is replaced") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  std::atomic<bool> done = false;
  std::atomic<int> missed = 0, reads = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        while (!done) {
          if (!store->find("b")) ++missed;
          if (store->list("", 10).size() != 3) ++missed;
          ++reads;
        }
      });
    }
    for (int i = 0; i < 200 || reads < 10; ++i) store->write({.images = {image("b", std::to_string(i % 7))}});
    done = true;
  }
  CHECK(missed == 0);
}

TEST_CASE("pictures of megabytes come back as they were") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "store";
  auto big = image("big", "9");
  big.original.resize(5'000'000);
  for (std::size_t i = 0; i < big.original.size(); ++i) big.original[i] = static_cast<char>(i * i >> 7);
  const auto row = ImageStore::create(path, kInfo)->write({.images = {big}}).rows.at(0);
  CHECK(ImageStore::open(path)->original(row) == big.original);
}

TEST_CASE("embeddings of a range of rows are visited, both ends included") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  store->write({.images = {image("d", "4"), image("e", "5")}, .deleted_ids = {"b"}});
  const auto rows_of = [&](std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> rows;
    store->for_each_embedding([&](std::uint64_t row, std::span<const float>) { rows.push_back(row); }, first, last);
    return rows;
  };
  CHECK(rows_of(1, 3) == std::vector<std::uint64_t>{2, 3});
  CHECK(rows_of(0, 0) == std::vector<std::uint64_t>{0});
  CHECK(rows_of(4, UINT64_MAX) == std::vector<std::uint64_t>{4});
  CHECK(rows_of(5, 9).empty());
}

TEST_CASE("many ids are found at once, in their order") {
  const TemporaryDirectory directory;
  const auto store = filled(directory.path() / "store");
  const std::vector<std::string> ids{"c", "nobody", "a", "c", ""};
  const auto found = store->find_many(ids);
  REQUIRE(found.size() == 5);
  CHECK(found[0] == store->find("c"));
  CHECK(!found[1]);
  CHECK(found[2] == store->find("a"));
  CHECK(found[3] == found[0]);
  CHECK(!found[4]);
  CHECK(store->find_many({}).empty());
}

TEST_CASE("every record is visited in order of ids, with its embedding if wanted, as things were when it began") {
  const TemporaryDirectory directory;
  const auto store = ImageStore::create(directory.path() / "store", kInfo);
  clipdex::storage::WriteRequest request;
  for (int i = 0; i < 1000; ++i) request.images.push_back(image("id" + std::to_string(1000 + i), "1", static_cast<float>(i)));
  store->write(std::move(request));
  store->write({.deleted_ids = {"id1500"}});
  std::vector<std::string> ids;
  bool right = true;
  store->for_each_record(
      [&](const clipdex::storage::ImageRecord& record, std::span<const float> embedding) {
        if (ids.empty()) store->write({.images = {image("id1999", "2", 7)}, .deleted_ids = {"id1998"}});
        ids.push_back(record.id);
        right = right && embedding.size() == 3 && embedding[0] == static_cast<float>(std::stoi(record.id.substr(2)) - 1000);
      },
      "id1499", /*with_embeddings=*/true);
  CHECK(right);
  REQUIRE(ids.size() == 499);
  CHECK(ids.front() == "id1501");
  CHECK(ids.back() == "id1999");
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  std::size_t records = 0, floats = 0;
  store->for_each_record([&](const clipdex::storage::ImageRecord&, std::span<const float> embedding) {
    ++records;
    floats += embedding.size();
  });
  CHECK(records == store->count());
  CHECK(floats == 0);
}

TEST_CASE("the steps between durable states are told in their order") {
  const TemporaryDirectory directory;
  std::vector<std::string> steps;
  const auto store =
      ImageStore::create(directory.path() / "store", kInfo, {.on_durable_step = [&](std::string_view step) { steps.emplace_back(step); }});
  steps.clear();
  store->write({.images = {image("a", "1")}});
  store->put_index_manifest("m", 1);
  store->checkpoint(directory.path() / "copy");
  CHECK(steps == std::vector<std::string>{"write: begin", "write: durable", "manifest: begin", "manifest: durable", "checkpoint: begin",
                                          "checkpoint: made", "checkpoint: durable"});
}
