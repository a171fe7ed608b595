#include "engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/encoder/jpeg_files.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::engine::ConflictError;
using clipdex::engine::Engine;
using clipdex::engine::EngineOptions;
using clipdex::engine::IngestItem;
using clipdex::tests::gallery_file;
using clipdex::tests::TemporaryDirectory;

EngineOptions options(const TemporaryDirectory& directory) {
  return {.data_directory = directory.path() / "data", .model = clipdex::tests::kModel};
}

void ingest(clipdex::engine::Collection& collection, const std::string& picture) {
  const IngestItem item{.id = picture, .bytes = gallery_file(picture)};
  collection.ingest(std::span(&item, 1));
}

}  // namespace

TEST_CASE("collections are made, listed, found again after a restart, and dropped") {
  const TemporaryDirectory directory;
  {
    Engine engine(options(directory));
    CHECK(engine.create_collection("b", {}).second);
    CHECK(engine.create_collection("a", {}).second);
    CHECK(!engine.create_collection("a", {}).second);
    CHECK_THROWS_AS(engine.create_collection("a", {.store = clipdex::engine::StoredContent::kNone}), ConflictError);
    CHECK_THROWS_AS(engine.create_collection("c", {.index_type = "magic"}), std::invalid_argument);
    CHECK(engine.collection("c") == nullptr);
  }
  Engine engine(options(directory));
  REQUIRE(engine.collections().size() == 2);
  CHECK(engine.collections()[0]->name() == "a");
  CHECK(engine.drop_collection("a"));
  CHECK(!engine.drop_collection("a"));
  CHECK(engine.collection("a") == nullptr);
  CHECK(engine.create_collection("a", {}).second);
  CHECK(engine.collection("a")->statistics().images == 0);
}

TEST_CASE("names that could leave the directory or confuse a shell are refused") {
  const TemporaryDirectory directory;
  Engine engine(options(directory));
  for (const auto* name : {"", "..", ".", "a/b", "A", "-a", "_a", "a b", "\xC3\xA4", "a\n"}) {
    INFO(name);
    CHECK_THROWS_AS(engine.create_collection(name, {}), std::invalid_argument);
  }
  CHECK_THROWS_AS(engine.create_collection(std::string(65, 'a'), {}), std::invalid_argument);
  CHECK(engine.create_collection("0-a_b", {}).second);
}

TEST_CASE("a data directory belongs to one process at a time") {
  const TemporaryDirectory directory;
  auto first = std::make_unique<Engine>(options(directory));
  CHECK_THROWS_MATCHES(Engine(options(directory)), ConflictError,
                       MessageMatches(ContainsSubstring("in use by clipdex process " + std::to_string(::getpid()))));
  first.reset();
  CHECK_NOTHROW(Engine(options(directory)));
}

TEST_CASE("a data directory that is a file is refused with its name") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "data") << "x";
  CHECK_THROWS_MATCHES(Engine(options(directory)), std::runtime_error, MessageMatches(ContainsSubstring("data")));
}

TEST_CASE("a collection of another model is refused with the remedy, and the others work") {
  const TemporaryDirectory directory;
  const auto other = directory.path() / "other-model";
  clipdex::tests::write_other_model(other);
  {
    Engine engine(options(directory));
    ingest(*engine.create_collection("mine", {}).first, "cat.png");
  }
  {
    auto foreign = options(directory);
    foreign.model = other;
    Engine engine(foreign);
    REQUIRE(engine.unusable_collections().size() == 1);
    CHECK(engine.unusable_collections()[0].name == "mine");
    CHECK_THROWS_MATCHES(engine.collection("mine"), ConflictError,
                         MessageMatches(ContainsSubstring("emoji-clip") && ContainsSubstring("--model")));
    CHECK_THROWS_AS(engine.create_collection("mine", {}), ConflictError);
    CHECK(engine.create_collection("theirs", {}).second);
  }
  Engine engine(options(directory));
  CHECK(engine.collection("mine")->statistics().images == 1);
  CHECK_THROWS_AS(engine.collection("theirs"), ConflictError);
  CHECK(engine.drop_collection("theirs"));
  CHECK(engine.unusable_collections().empty());
}

TEST_CASE("a damaged collection is reported and does not stop the others") {
  const TemporaryDirectory directory;
  {
    Engine engine(options(directory));
    ingest(*engine.create_collection("bad", {}).first, "cat.png");
    ingest(*engine.create_collection("good", {}).first, "cat.png");
  }
  fs::remove(directory.path() / "data/collections/bad/store/CURRENT");
  Engine engine(options(directory));
  CHECK(engine.collection("good")->statistics().images == 1);
  CHECK_THROWS_MATCHES(engine.collection("bad"), ConflictError, MessageMatches(ContainsSubstring("no store")));
}

TEST_CASE("a collection can be dropped while it is searched") {
  const TemporaryDirectory directory;
  Engine engine(options(directory));
  ingest(*engine.create_collection("c", {}).first, "cat.png");
  std::atomic<int> searches = 0;
  std::jthread searcher([&] {
    const auto collection = engine.collection("c");
    for (int i = 0; i < 100; ++i, ++searches) {
      REQUIRE(collection->search({.query = clipdex::engine::IdQuery{"cat.png"}}).hits.size() == 1);
    }
  });
  while (searches < 10) std::this_thread::yield();
  CHECK(engine.drop_collection("c"));
  CHECK(engine.create_collection("c", {}).second);
  searcher.join();
  CHECK(searches == 100);
  CHECK(engine.collection("c")->statistics().images == 0);
  CHECK(fs::is_empty(directory.path() / "data/.trash"));
}

TEST_CASE("a dropped collection's last requests do not reach into a new one of its name") {
  const TemporaryDirectory directory;
  {
    Engine engine(options(directory));
    engine.create_collection("c", {});
    std::atomic<int> rounds = 0;
    std::jthread writer([&, collection = engine.collection("c")]() mutable {
      for (int i = 0; i < 8; ++i, ++rounds) {
        ingest(*collection, i % 2 == 0 ? "cat.png" : "rocket.png");
        collection->remove("cat.png");
      }
      collection.reset();
    });
    while (rounds < 2) std::this_thread::yield();
    CHECK(engine.drop_collection("c"));
    CHECK(rounds == 8);
    CHECK(engine.create_collection("c", {}).second);
    CHECK(engine.collection("c")->statistics().images == 0);
    ingest(*engine.collection("c"), "tomato.png");
  }
  Engine engine(options(directory));
  REQUIRE(engine.collection("c")->statistics().images == 1);
  CHECK(engine.collection("c")->get("tomato.png"));
}

TEST_CASE("a collection that somebody holds on to is not dropped behind his back") {
  const TemporaryDirectory directory;
  auto impatient = options(directory);
  impatient.drop_wait = std::chrono::milliseconds(1);
  Engine engine(impatient);
  auto held = engine.create_collection("c", {}).first;
  CHECK_THROWS_MATCHES(engine.drop_collection("c"), ConflictError, MessageMatches(ContainsSubstring("busy")));
  CHECK(engine.collection("c") == held);
  {
    // Meanwhile nobody is told that there is no such collection.
    std::atomic<bool> ended = false;
    std::jthread dropping([&] {
      for (int i = 0; i < 50; ++i) {
        try {
          engine.drop_collection("c");
        } catch (const ConflictError&) {
        }
      }
      ended = true;
    });
    bool missing = false;
    while (!ended) {
      try {
        missing = missing || engine.collection("c") == nullptr;
      } catch (const ConflictError&) {
      }
    }
    CHECK_FALSE(missing);
  }
  held.reset();
  CHECK(engine.drop_collection("c"));
  CHECK(engine.collection("c") == nullptr);
}

TEST_CASE("of several that make the same collection at once, one makes it and all get it") {
  const TemporaryDirectory directory;
  Engine engine(options(directory));
  std::atomic<int> made = 0, got = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto [collection, is_new] = engine.create_collection("c", {});
        made += is_new ? 1 : 0;
        got += collection != nullptr ? 1 : 0;
      });
    }
  }
  CHECK(made == 1);
  CHECK(got == 4);
  CHECK(engine.collections().size() == 1);
}

TEST_CASE("what an interrupted creation left behind is cleaned away") {
  const TemporaryDirectory directory;
  fs::create_directories(directory.path() / "data/.trash/1/store");
  Engine engine(options(directory));
  CHECK(fs::is_empty(directory.path() / "data/.trash"));
  CHECK(engine.create_collection("c", {}).second);
}

TEST_CASE("a large photo is decoded at a reduced size unless that is turned off; its record tells the true size") {
  const TemporaryDirectory directory;
  constexpr int kWidth = 1203, kHeight = 902;
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < kWidth * kHeight; ++i) {
    const int x = i % kWidth, y = i / kWidth;
    for (const int value : {x * 255 / kWidth, y * 255 / kHeight, (x / 90 + y / 70) % 2 == 0 ? 220 : 40})
      pixels.push_back(static_cast<std::uint8_t>(value));
  }
  const auto file = clipdex::tests::write_jpeg(pixels, kWidth, kHeight, {});
  const IngestItem item{.id = "photo", .bytes = std::string(file.begin(), file.end())};
  std::vector<std::vector<float>> embeddings;
  for (const bool exact : {false, true}) {
    auto chosen = options(directory);
    chosen.data_directory /= exact ? "exact" : "reduced";
    chosen.exact_decode = exact;
    Engine engine(chosen);
    const auto collection = engine.create_collection("a", {}).first;
    CHECK(collection->ingest(std::span(&item, 1))[0].status == clipdex::engine::IngestStatus::kCreated);
    const auto record = collection->get("photo");
    REQUIRE(record);
    CHECK(record->width == kWidth);
    CHECK(record->height == kHeight);
    const auto thumbnail = collection->content("photo", clipdex::engine::ContentSize::kThumbnail);
    REQUIRE(thumbnail);
    const auto small = clipdex::engine::decode_image({reinterpret_cast<const std::uint8_t*>(thumbnail->data()), thumbnail->size()});
    CHECK(std::max(small.width, small.height) == 256);
    embeddings.push_back(engine.embed_image(item.bytes));
  }
  const double cosine = std::inner_product(embeddings[0].begin(), embeddings[0].end(), embeddings[1].begin(), 0.0);
  CHECK(embeddings[0] != embeddings[1]);
  CHECK(cosine >= 0.999);
}
