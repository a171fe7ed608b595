#include "engine/snapshot.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <thread>

#include "engine/engine.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::engine;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::tests::TemporaryDirectory;

std::unique_ptr<Engine> open(const std::filesystem::path& data) {
  EngineOptions options{.data_directory = data, .model = clipdex::tests::kModel};
  options.index.seal_rows = 64;
  return std::make_unique<Engine>(options);
}

std::vector<VectorItem> items(int first, int count) {
  std::vector<VectorItem> made;
  for (int i = first; i < first + count; ++i) {
    std::vector<float> values(128, 0.1F);
    values[static_cast<std::size_t>(i) % values.size()] = static_cast<float>(1 + i);
    made.push_back({.id = std::to_string(i), .embedding = std::move(values), .source = "", .metadata = "{}"});
  }
  return made;
}

IngestResult ingest(Collection& collection, const std::string& picture) {
  const IngestItem item{.id = picture, .bytes = clipdex::tests::gallery_file(picture), .source = picture, .metadata = R"({"k":1})"};
  return collection.ingest(std::span(&item, 1)).at(0);
}

}  // namespace

TEST_CASE("a restored snapshot is what was there when it was made") {
  TemporaryDirectory root;
  auto engine = open(root.path() / "data");
  const auto pictures = engine->create_collection("pictures", {.store = StoredContent::kOriginal}).first;
  const auto vectors = engine->create_collection("vectors", {.store = StoredContent::kNone}).first;
  REQUIRE(ingest(*pictures, "red-apple.png").status == IngestStatus::kCreated);
  vectors->import_vectors(items(0, 500));
  vectors->finish_upkeep();
  vectors->import_vectors(items(500, 30));
  vectors->remove("7");
  const auto made = engine->create_snapshot(root.path() / "snapshot");
  CHECK(made.collections == 2);
  CHECK(made.images == 530);
  // What happens afterwards does not reach it.
  vectors->import_vectors(items(1000, 300));
  vectors->finish_upkeep();
  CHECK(pictures->remove("red-apple.png"));

  const auto info = restore_snapshot(root.path() / "snapshot", root.path() / "elsewhere" / "data");
  CHECK(info.collections == 2);
  CHECK(info.images == 530);
  CHECK(info.bytes > 0);
  const auto restored = open(root.path() / "elsewhere" / "data");
  CHECK(restored->unusable_collections().empty());
  const auto again = restored->collection("pictures");
  REQUIRE(again);
  REQUIRE(again->get("red-apple.png"));
  CHECK(again->get("red-apple.png")->metadata == R"({"k":1})");
  CHECK(again->content("red-apple.png", ContentSize::kOriginal) == clipdex::tests::gallery_file("red-apple.png"));
  CHECK(again->search({.query = TextQuery{"a red apple"}}).hits.at(0).record.id == "red-apple.png");
  const auto restored_vectors = restored->collection("vectors");
  CHECK(restored_vectors->statistics().images == 529);
  CHECK_FALSE(restored_vectors->get("7"));
  CHECK_FALSE(restored_vectors->get("1000"));
  CHECK(restored_vectors->search({.query = VectorQuery{items(100, 1)[0].embedding}, .limit = 1}).hits.at(0).record.id.ends_with("00"));
  // The two do not share anything that changes.
  restored_vectors->import_vectors(items(2000, 100));
  CHECK_FALSE(vectors->get("2000"));
}

TEST_CASE("a snapshot made under load is consistent") {
  TemporaryDirectory root;
  auto engine = open(root.path() / "data");
  const auto collection = engine->create_collection("c", {.store = StoredContent::kNone}).first;
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      collection->import_vectors(items(i % 40 * 20, 20));  // adds, then replaces
      collection->remove(std::to_string(i % 800));
    }
  });
  for (int i = 0; i < 5; ++i) {
    const auto snapshot = root.path() / ("snapshot" + std::to_string(i));
    const auto made = engine->create_snapshot(snapshot);
    restore_snapshot(snapshot, root.path() / ("data" + std::to_string(i)));
    const auto restored = open(root.path() / ("data" + std::to_string(i)));
    REQUIRE(restored->unusable_collections().empty());
    const auto copy = restored->collection("c");
    std::size_t stored = 0;
    copy->for_each_image([&](const ImageRecord&, std::span<const float>) { ++stored; });
    CHECK(stored == copy->statistics().images);
    CHECK(stored == made.images);
    if (stored > 0) {
      const auto hits = copy->search({.query = VectorQuery{items(3, 1)[0].embedding}, .limit = 1000, .exact = true}).hits;
      CHECK(hits.size() == stored);
    }
  }
}

TEST_CASE("snapshots that are asked for at the same time are made one after the other, each whole") {
  TemporaryDirectory root;
  auto engine = open(root.path() / "data");
  for (const auto* name : {"a", "b", "c"})
    engine->create_collection(name, {.store = StoredContent::kNone}).first->import_vectors(items(0, 100));
  std::atomic<int> made = 0, refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        try {
          engine->create_named_snapshot("same");
          ++made;
        } catch (const ConflictError&) {
          ++refused;
        }
        engine->create_named_snapshot("");  // within a second of the others
      });
    }
  }
  CHECK(made == 1);
  CHECK(refused == 3);
  const auto names = engine->snapshots();
  REQUIRE(names.size() == 5);
  for (const auto& name : names) {
    restore_snapshot(snapshots_folder(root.path() / "data") / name, root.path() / name);
    const auto restored = open(root.path() / name);
    CHECK(restored->unusable_collections().empty());
    CHECK(restored->collections().size() == 3);
    for (const auto& collection : restored->collections()) CHECK(collection->statistics().images == 100);
  }
}

TEST_CASE("directories may be named with a slash at the end") {
  TemporaryDirectory root;
  auto engine = open(root.path() / "data");
  engine->create_collection("c", {}).first->import_vectors(items(0, 10));
  engine->create_snapshot(root.path() / "snapshot" / "");
  restore_snapshot(root.path() / "snapshot" / "", root.path() / "new" / "");
  std::filesystem::create_directory(root.path() / "empty");
  restore_snapshot(root.path() / "snapshot", root.path() / "empty" / "");
  for (const auto* name : {"new", "empty"}) CHECK(open(root.path() / name)->collection("c")->statistics().images == 10);
}

TEST_CASE("what a process left of a snapshot when it died is removed at the next start") {
  TemporaryDirectory root;
  open(root.path() / "data");
  const auto left = snapshots_folder(root.path() / "data") / "x.making";
  std::filesystem::create_directories(left / "collections");
  const auto engine = open(root.path() / "data");
  CHECK_FALSE(std::filesystem::exists(left));
}

TEST_CASE("what is no snapshot, or a directory that is in use, is refused by name") {
  TemporaryDirectory root;
  auto engine = open(root.path() / "data");
  engine->create_collection("c", {});
  engine->create_snapshot(root.path() / "snapshot");
  CHECK_THROWS_AS(engine->create_snapshot(root.path() / "snapshot"), ConflictError);
  std::filesystem::create_directories(root.path() / "empty");
  CHECK_THROWS_MATCHES(restore_snapshot(root.path() / "empty", root.path() / "new"), std::invalid_argument,
                       MessageMatches(ContainsSubstring("is no snapshot")));
  CHECK_THROWS_MATCHES(restore_snapshot(root.path() / "snapshot", root.path() / "data"), std::invalid_argument,
                       MessageMatches(ContainsSubstring("is not empty")));
  std::filesystem::remove_all(root.path() / "snapshot" / "collections" / "c");
  CHECK_THROWS_MATCHES(restore_snapshot(root.path() / "snapshot", root.path() / "new"), std::invalid_argument,
                       MessageMatches(ContainsSubstring("not copied whole")));
  CHECK_FALSE(std::filesystem::exists(root.path() / "new.restoring"));
  std::ofstream(root.path() / "snapshot" / "snapshot.json") << R"({"format": 99})";
  CHECK_THROWS_MATCHES(restore_snapshot(root.path() / "snapshot", root.path() / "new"), std::invalid_argument,
                       MessageMatches(ContainsSubstring("format")));
  CHECK_FALSE(std::filesystem::exists(root.path() / "new"));
}
