// Index files that are lost, damaged or ahead of the store: what a start makes of them, and what the next one finds then.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "index/vector_index.h"
#include "storage/image_store.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::engine;
using Catch::Matchers::ContainsSubstring;
using clipdex::index::OpenReport;
using clipdex::index::VectorIndex;
using clipdex::storage::ImageStore;
using clipdex::tests::TemporaryDirectory;

constexpr std::size_t kDimension = 128;  // of the tests' model

// One collection and the plain map that it is to equal, in a data directory that is closed and opened again.
struct World {
  World() {
    open();
    collection = engine->create_collection("c", {.index_type = "hnsw", .store = StoredContent::kNone}).first;
  }

  void open() {
    EngineOptions options{.data_directory = data, .model = clipdex::tests::kModel};
    // Few rows make several segments, and the larger ones have graphs.
    options.index.seal_rows = 64;
    options.index.approximate_rows_min = 200;
    engine = std::make_unique<Engine>(options);
  }

  void close() {
    collection.reset();
    engine.reset();
  }

  void reopen() {
    close();
    open();
    CHECK(engine->unusable_collections().empty());
    collection = engine->collection("c");
    REQUIRE(collection);
  }

  std::vector<float> direction() {
    std::normal_distribution<float> normal;
    std::vector<float> values(kDimension);
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    const float length = std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0F));
    for (auto& value : values) value /= length;
    return values;
  }

  void put(const std::vector<std::string>& ids) {
    std::vector<VectorItem> items;
    for (const auto& id : ids) {
      expected[id] = direction();
      items.push_back({.id = id, .embedding = expected[id], .source = "", .metadata = "{}"});
    }
    collection->import_vectors(items);
  }

  // New images, of which some are replaced and some deleted; then everything is in files that can be.
  void write(int requests) {
    for (int i = 0; i < requests; ++i) {
      std::vector<std::string> ids;
      for (int j = 0; j < 40; ++j) ids.push_back("id" + std::to_string(images++));
      put(ids);
      put({ids[0], ids[1]});
      REQUIRE(collection->remove(ids[2]));
      expected.erase(ids[2]);
    }
    collection->finish_upkeep();
  }

  // Each image is found by its own vector, and exact searches order all of them as the map does.
  void check_searches() {
    REQUIRE(collection->statistics().images == expected.size());
    for (const auto& [id, vector] : expected) {
      const auto hits = collection->search({.query = VectorQuery{vector}, .limit = 1}).hits;
      REQUIRE(hits.size() == 1);
      REQUIRE(hits[0].record.id == id);
      REQUIRE(hits[0].score > 0.9999F);
    }
    for (int i = 0; i < 5; ++i) {
      const auto query = direction();
      std::vector<float> scores;
      for (const auto& [id, vector] : expected) scores.push_back(std::inner_product(vector.begin(), vector.end(), query.begin(), 0.0F));
      std::sort(scores.rbegin(), scores.rend());
      const auto hits = collection->search({.query = VectorQuery{query}, .limit = 1000, .exact = true}).hits;
      REQUIRE(hits.size() == expected.size());
      std::set<std::string> ids;
      for (std::size_t j = 0; j < hits.size(); ++j) {
        REQUIRE(std::abs(hits[j].score - scores[j]) < 1e-4F);
        REQUIRE(expected.contains(hits[j].record.id));
        ids.insert(hits[j].record.id);
      }
      CHECK(ids.size() == expected.size());
    }
  }

  // What a start will find of the index, while the collection is closed. It changes nothing.
  OpenReport report() const {
    const auto store = ImageStore::open(files / "store");
    OpenReport found;
    VectorIndex::open({.dimension = kDimension, .directory = files / "index", .fingerprint = store->info().model_fingerprint},
                      store->index_manifest().value_or(""), found);
    return found;
  }

  // The segment file with most rows, about.
  fs::path largest_segment() const {
    fs::path largest;
    for (const auto& entry : fs::directory_iterator(files / "index")) {
      if (entry.path().extension() != ".segment") continue;
      if (largest.empty() || fs::file_size(entry.path()) > fs::file_size(largest)) largest = entry.path();
    }
    REQUIRE(!largest.empty());
    return largest;
  }

  TemporaryDirectory root;
  fs::path data = root.path() / "data";
  fs::path files = data / "collections" / "c";
  std::mt19937 random{7};
  std::map<std::string, std::vector<float>> expected;  // id -> unit vector
  int images = 0;                                      // that were ever made
  std::unique_ptr<Engine> engine;
  std::shared_ptr<Collection> collection;
};

void flip_a_bit_in_the_middle(const fs::path& file) {
  const auto middle = static_cast<std::streamoff>(fs::file_size(file) / 2);
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(middle);
  const char byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(middle);
  stream.put(byte);
  stream.flush();
  REQUIRE(stream.good());
}

}  // namespace

TEST_CASE("an index file that is lost or damaged is made again from the store, and no image is missing meanwhile") {
  const bool lost = GENERATE(true, false);
  CAPTURE(lost);
  World world;
  world.write(10);
  world.close();
  const auto before = world.report();
  REQUIRE(before.problems.empty());
  REQUIRE(before.missing.empty());

  const auto file = world.largest_segment();
  if (lost) {
    fs::remove(file);
  } else {
    flip_a_bit_in_the_middle(file);
  }
  const auto damaged = world.report();
  REQUIRE(damaged.missing.size() == 1);
  REQUIRE(damaged.problems.size() == 1);
  CHECK_THAT(damaged.problems[0], ContainsSubstring(file.filename().string()));

  world.reopen();
  world.check_searches();
  world.collection->finish_upkeep();
  world.check_searches();
  world.close();
  const auto whole = world.report();
  CHECK(whole.problems.empty());
  CHECK(whole.missing.empty());
  CHECK(whole.next_row >= before.next_row);  // or rows of the file would have to be added again
  world.reopen();
  world.check_searches();
  // It is a collection like any other.
  world.write(1);
  world.check_searches();
}

TEST_CASE("a store that is behind its index makes the collection unusable, until what the reason says is done") {
  World world;
  world.write(6);
  world.close();
  const auto old = world.root.path() / "old";
  fs::copy(world.files / "store", old, fs::copy_options::recursive);
  const auto expected_of_old = world.expected;
  world.reopen();
  world.write(6);
  world.close();
  fs::remove_all(world.files / "store");
  fs::rename(old, world.files / "store");

  // Told as often as it is opened: what is ahead stays where it is.
  for (int i = 0; i < 2; ++i) {
    world.open();
    const auto unusable = world.engine->unusable_collections();
    REQUIRE(unusable.size() == 1);
    CHECK(unusable[0].name == "c");
    CHECK_THAT(unusable[0].reason, ContainsSubstring("remove that index directory") && ContainsSubstring((world.files / "index").string()));
    CHECK_THROWS_AS(world.engine->collection("c"), ConflictError);
    world.close();
  }

  fs::remove_all(world.files / "index");
  world.expected = expected_of_old;
  world.reopen();
  world.check_searches();
  world.write(2);
  world.check_searches();
  world.close();
  const auto whole = world.report();
  CHECK(whole.problems.empty());
  CHECK(whole.missing.empty());
  world.reopen();
  world.check_searches();
}
