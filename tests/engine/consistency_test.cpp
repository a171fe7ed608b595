// Thousands of random operations on a collection, against a plain map. CLIPDEX_CONSISTENCY_OPERATIONS sets how many for each type and seed.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "engine/engine.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::engine;
using clipdex::tests::TemporaryDirectory;

constexpr std::size_t kDimension = 128;  // of the built-in model

int operations() {
  const char* text = std::getenv("CLIPDEX_CONSISTENCY_OPERATIONS");
  return text == nullptr ? 500 : std::max(1, std::atoi(text));
}

struct Expected {
  std::vector<float> vector;
  std::string metadata;
};

// Directions around a few dozen centres, as embeddings of pictures are: neighbours are near, and most of the rest is far.
class Vectors {
 public:
  explicit Vectors(std::mt19937& random) : random_(random) {
    for (auto& centre : centres_) centre = noise(1);
  }

  std::vector<float> next() {
    auto vector = noise(0.5F);
    const auto& centre = centres_[random_() % centres_.size()];
    double length = 0;
    for (std::size_t i = 0; i < kDimension; ++i) {
      vector[i] += centre[i];
      length += static_cast<double>(vector[i]) * vector[i];
    }
    for (auto& value : vector) value = static_cast<float>(value / std::sqrt(length));
    return vector;
  }

 private:
  std::vector<float> noise(float deviation) {
    std::normal_distribution<float> normal(0, deviation);
    std::vector<float> values(kDimension);
    std::generate(values.begin(), values.end(), [&] { return normal(random_); });
    return values;
  }

  std::mt19937& random_;
  std::vector<std::vector<float>> centres_ = std::vector<std::vector<float>>(40);
};

class World {
 public:
  World(const std::string& type, std::uint32_t seed) : random_(seed), vectors_(random_) {
    data_ = root_.path() / "data";
    open();
    collection_ = engine_->create_collection("c", {.index_type = type, .store = StoredContent::kNone}).first;
  }

  void operate() {
    const auto dice = random_() % 100;
    if (dice < 45) return add(1 + random_() % 40);
    if (dice < 65) return remove();
    if (dice < 85) return patch();
    if (dice < 93) return check_search();
    if (dice < 97) return static_cast<void>(collection_->finish_upkeep());
    if (dice < 99) return reopen();
    return snapshot_and_restore();
  }

  void check_everything() {
    CHECK(collection_->statistics().images == expected_.size());
    std::map<std::string, Expected> found;
    collection_->for_each_image([&](const ImageRecord& record, std::span<const float> embedding) {
      found[record.id] = {{embedding.begin(), embedding.end()}, record.metadata};
    });
    REQUIRE(found.size() == expected_.size());
    for (const auto& [id, wanted] : expected_) {
      REQUIRE(found.contains(id));
      CHECK(found[id].metadata == wanted.metadata);
      CHECK(cosine(found[id].vector, wanted.vector) > 0.99999);
    }
    for (int i = 0; i < 20; ++i) check_search();
  }

  // Of the approximate searches, what share of the ten best they found.
  double recall() const { return wanted_ == 0 ? 1 : static_cast<double>(got_) / static_cast<double>(wanted_); }

 private:
  static double cosine(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < kDimension; ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
  }

  void open() {
    EngineOptions options{.data_directory = data_, .model = clipdex::tests::kModel};
    options.index.seal_rows = 128;
    options.index.approximate_rows_min = 400;
    engine_ = std::make_unique<Engine>(options);
  }

  void reopen() {
    collection_.reset();
    engine_.reset();
    open();
    collection_ = engine_->collection("c");
    REQUIRE(collection_);
  }

  void snapshot_and_restore() {
    const auto snapshot = root_.path() / ("snapshot" + std::to_string(++copies_));
    CHECK(engine_->create_snapshot(snapshot).images == expected_.size());
    const auto kept = expected_;
    add(5);  // what comes later is not in it
    const auto restored = root_.path() / ("data" + std::to_string(copies_));
    CHECK(restore_snapshot(snapshot, restored).images == kept.size());
    expected_ = kept;
    data_ = restored;
    reopen();
    check_everything();
  }

  std::string some_id() { return std::next(expected_.begin(), static_cast<std::ptrdiff_t>(random_() % expected_.size()))->first; }

  void add(std::size_t count) {
    std::vector<VectorItem> items;
    std::set<std::string> ids;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string id = "id" + std::to_string(random_() % 3000);
      if (!ids.insert(id).second) continue;
      items.push_back({.id = id, .embedding = vectors_.next(), .source = "", .metadata = R"({"n":)" + std::to_string(random_()) + "}"});
    }
    const auto results = collection_->import_vectors(items);
    REQUIRE(results.size() == items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      CHECK(results[i].status == (expected_.contains(items[i].id) ? IngestStatus::kUpdated : IngestStatus::kCreated));
      expected_[items[i].id] = {items[i].embedding, items[i].metadata};
    }
  }

  void remove() {
    if (expected_.empty()) return;
    const auto id = some_id();
    CHECK(collection_->remove(id));
    CHECK_FALSE(collection_->remove(id));
    expected_.erase(id);
  }

  void patch() {
    if (expected_.empty()) return;
    const auto id = some_id();
    const auto record = collection_->patch_metadata(id, R"({"n":)" + std::to_string(random_()) + "}");
    REQUIRE(record);
    expected_[id].metadata = record->metadata;
  }

  void check_search() {
    const auto query = vectors_.next();
    std::vector<std::pair<double, std::string>> all;
    for (const auto& [id, wanted] : expected_) all.emplace_back(-cosine(query, wanted.vector), id);
    std::sort(all.begin(), all.end());
    all.resize(std::min<std::size_t>(all.size(), 10));
    SearchRequest request{.query = VectorQuery{query}};
    request.exact = true;
    const auto exact = collection_->search(request).hits;
    REQUIRE(exact.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(std::abs(exact[i].score + all[i].first) < 1e-4);
    request.exact = false;
    const auto hits = collection_->search(request).hits;
    wanted_ += all.size();
    for (const auto& [score, id] : all)
      got_ += std::any_of(hits.begin(), hits.end(), [&, wanted = &id](const SearchHit& hit) { return hit.record.id == *wanted; }) ? 1 : 0;
    for (const auto& hit : hits) REQUIRE(expected_.contains(hit.record.id));
  }

  TemporaryDirectory root_;
  std::filesystem::path data_;
  std::mt19937 random_;
  Vectors vectors_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Collection> collection_;
  std::map<std::string, Expected> expected_;
  int copies_ = 0;
  std::size_t wanted_ = 0, got_ = 0;
};

}  // namespace

TEST_CASE("after thousands of random operations a collection is what a plain map is") {
  const auto* type = GENERATE("flat", "hnsw", "ivf_pq", "auto");
  const auto seed = GENERATE(1U, 2U);
  CAPTURE(type, seed);
  World world(type, seed);
  for (int i = 0; i < operations(); ++i) world.operate();
  world.check_everything();
  CHECK(world.recall() >= (std::string(type) == "flat" ? 1.0 : 0.95));
}
