// Many clients at once while everything else goes on. A few seconds in the usual run; CLIPDEX_LOAD_SECONDS makes it longer (two minutes
// under ThreadSanitizer are what it is for).
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "tests/http/served_engine.h"

namespace {

using namespace clipdex;
using clipdex::tests::body_of;
using nlohmann::json;

constexpr std::size_t kDimension = 128;
const std::string kImages = "/v1/collections/c/images";
const std::string kSearch = "/v1/collections/c/search";

std::chrono::seconds duration() {
  const char* text = std::getenv("CLIPDEX_LOAD_SECONDS");
  return std::chrono::seconds(text == nullptr ? 3 : std::max(1, std::atoi(text)));
}

std::vector<float> some_vector(std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(kDimension);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

// What went wrong on any thread, once each.
class Problems {
 public:
  void expect(bool condition, const std::string& what) {
    if (condition) return;
    const std::lock_guard lock(mutex_);
    texts_.insert(what);
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const auto& text : texts_) all += text + "\n";
    return all;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> texts_;
};

httplib::Client client_of(const tests::ServedEngine& served) {
  httplib::Client client(served.url());
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_read_timeout(300);  // under ThreadSanitizer the encoder's and the index's threads wait long for each other
  return client;
}

void search(const tests::ServedEngine& served, const std::atomic<bool>& done, unsigned number, std::atomic<int>& searches,
            Problems& problems) {
  auto client = client_of(served);
  std::mt19937 random(number);
  while (!done) {
    json query = {{"limit", 1 + random() % 50}};
    switch (random() % 4) {
      case 0:
        query["text"] = "a thing number " + std::to_string(random() % 200);
        break;
      case 1:
        query["id"] = "kept";
        break;
      default:
        query["vector"] = some_vector(random);
    }
    const auto answer = client.Post(kSearch, query.dump(), "application/json");
    problems.expect(answer && answer->status == 200, "a search: " + (answer ? answer->body : "no answer"));
    if (!answer || answer->status != 200) continue;
    const auto hits = body_of(answer).at("hits");
    problems.expect(!hits.empty(), "a search found nothing");
    for (std::size_t i = 1; i < hits.size(); ++i) problems.expect(hits[i - 1].at("score") >= hits[i].at("score"), "hits are not in order");
    if (query.contains("id")) {
      // No other image is like it, so that it is first however few are asked for.
      problems.expect(!hits.empty() && hits[0].at("id") == "kept", "an image that was never touched does not find itself");
    }
    ++searches;
  }
}

void ingest(const tests::ServedEngine& served, const std::atomic<bool>& done, Problems& problems) {
  static const std::vector<std::string> pictures = {"red-apple.png", "cat.png", "rocket.png", "pizza.png", "dog.png"};
  auto client = client_of(served);
  for (int i = 0; !done; ++i) {
    json images = json::array();
    for (int j = 0; j < 3; ++j)
      images.push_back(
          tests::image_json("p" + std::to_string((i * 3 + j) % 40), pictures[static_cast<std::size_t>(i + j) % pictures.size()]));
    const auto answer = client.Post(kImages, json{{"images", images}}.dump(), "application/json");
    problems.expect(answer && answer->status == 200, "an ingest: " + (answer ? answer->body : "no answer"));
    if (i % 2 == 0) client.Delete(kImages + "/p" + std::to_string(i % 40));
    client.Patch(kImages + "/p" + std::to_string(i % 40), json{{"i", i}}.dump(), "application/json");
    client.Get(kImages + "?limit=20");
  }
}

// Rows by the thousand, so that segments are sealed, written, merged and built.
void load(engine::Collection& collection, const std::atomic<bool>& done) {
  std::mt19937 random(99);
  for (int batch = 0; !done; ++batch) {
    std::vector<engine::VectorItem> items;
    for (int i = 0; i < 200; ++i)
      items.push_back(
          {.id = "v" + std::to_string((batch * 200 + i) % 3000), .embedding = some_vector(random), .source = "", .metadata = "{}"});
    collection.import_vectors(items);
  }
}

}  // namespace

TEST_CASE("32 clients search while images come and go, segments are built, and snapshots are made") {
  engine::EngineOptions options;
  options.index.seal_rows = 256;
  options.index.approximate_rows_min = 600;
  tests::ServedEngine served({}, options);
  const auto collection = served.engine().create_collection("c", {}).first;
  const engine::IngestItem kept{.id = "kept", .bytes = tests::gallery_file("lemon.png"), .source = "", .metadata = std::nullopt};
  collection->ingest(std::span(&kept, 1));
  tests::TemporaryDirectory other;
  std::atomic<bool> done = false;
  std::atomic<int> searches = 0;
  int snapshots = 0;
  Problems problems;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 32; ++i) threads.emplace_back([&, i] { search(served, done, i, searches, problems); });
    threads.emplace_back([&] { ingest(served, done, problems); });
    threads.emplace_back([&] { load(*collection, done); });
    const auto end = std::chrono::steady_clock::now() + duration();
    while (std::chrono::steady_clock::now() < end || snapshots == 0) {
      const auto name = std::to_string(snapshots++);
      problems.expect(served.post("/v1/snapshots", {{"name", name}})->status == 201, "a snapshot failed");
      problems.expect(served.remove("/v1/snapshots/" + name)->status == 204, "a snapshot could not be deleted");
      served.get("/v1/collections/c");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    done = true;
  }
  INFO(problems.text());
  CHECK(problems.text().empty());
  CHECK(searches > 0);
  CHECK(snapshots > 0);
}
