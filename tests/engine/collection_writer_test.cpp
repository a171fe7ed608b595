// Many writers at once: their changes are written together, each whole, those of one image in turn.
#include "engine/collection_writer.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::engine;
using clipdex::tests::TemporaryDirectory;

std::vector<float> direction(int number) {
  std::vector<float> values(128, 0.01F);
  values[static_cast<std::size_t>(number) % values.size()] = 1;
  return values;
}

}  // namespace

TEST_CASE("writers at the same time each get their change whole") {
  TemporaryDirectory directory;
  Engine engine({.data_directory = directory.path(), .model = clipdex::tests::kModel});
  const auto collection = engine.create_collection("c", {}).first;
  constexpr int kThreads = 8, kRounds = 25;
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int round = 0; round < kRounds; ++round) {
          const std::string id = std::to_string(thread) + "-" + std::to_string(round);
          const std::vector<VectorItem> items = {{.id = id, .embedding = direction(round), .source = "", .metadata = "{}"},
                                                 {.id = "shared", .embedding = direction(thread), .source = "", .metadata = "{}"}};
          collection->import_vectors(items);
          collection->patch_metadata("shared", "{\"" + id + "\":1}");
          // One that cannot be must not take with it those that it waited with.
          try {
            collection->patch_metadata("shared", "[" + id + "]");
          } catch (const std::invalid_argument&) {
            ++refused;
          }
          if (round % 2 == 0) CHECK(collection->remove(id));
        }
      });
    }
  }
  CHECK(refused == kThreads * kRounds);
  CHECK(collection->statistics().images == kThreads * (kRounds / 2) + 1);
  std::set<std::string> found;
  for (const auto& hit : collection->search({.query = VectorQuery{direction(0)}, .limit = 1000, .exact = true}).hits)
    found.insert(hit.record.id);
  CHECK(found.size() == collection->statistics().images);
  for (int thread = 0; thread < kThreads; ++thread) CHECK(found.contains(std::to_string(thread) + "-1"));
}

TEST_CASE("changes of one image are decided one after the other") {
  TemporaryDirectory directory;
  Engine engine({.data_directory = directory.path(), .model = clipdex::tests::kModel});
  const auto collection = engine.create_collection("c", {}).first;
  const VectorItem item{.id = "x", .embedding = direction(1), .source = "", .metadata = "{}"};
  collection->import_vectors(std::span(&item, 1));
  constexpr int kThreads = 8, kRounds = 20;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int round = 0; round < kRounds; ++round)
          collection->patch_metadata("x", "{\"" + std::to_string(thread * kRounds + round) + "\":true}");
      });
    }
  }
  // None has overwritten what another one added.
  const auto metadata = collection->get("x")->metadata;
  for (int i = 0; i < kThreads * kRounds; ++i)
    CHECK_THAT(metadata, Catch::Matchers::ContainsSubstring("\"" + std::to_string(i) + "\":true"));
}
