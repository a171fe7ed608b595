#include "engine/collection.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>
#include <numeric>
#include <set>
#include <thread>

#include "engine/engine.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

using Catch::Matchers::WithinAbs;
using clipdex::engine::Collection;
using clipdex::engine::ContentSize;
using clipdex::engine::Engine;
using clipdex::engine::IngestItem;
using clipdex::engine::IngestResult;
using clipdex::engine::IngestStatus;
using clipdex::engine::StoredContent;
using clipdex::tests::gallery_file;
using clipdex::tests::TemporaryDirectory;

// An engine with one collection on a fresh directory.
struct Fixture {
  TemporaryDirectory directory;
  std::unique_ptr<Engine> engine;
  std::shared_ptr<Collection> collection;

  explicit Fixture(StoredContent store = StoredContent::kThumbnail) {
    open();
    collection = engine->create_collection("pictures", {.store = store}).first;
  }
  void open() {
    engine = std::make_unique<Engine>(
        clipdex::engine::EngineOptions{.data_directory = directory.path() / "data", .model = clipdex::tests::kModel});
  }
  void reopen() {
    collection.reset();
    engine.reset();
    open();
    collection = engine->collection("pictures");
  }
  IngestResult ingest(const IngestItem& item) { return collection->ingest(std::span(&item, 1)).at(0); }
  std::string first(const std::string& text) {
    const auto result = collection->search({.query = clipdex::engine::TextQuery{text}});
    return result.hits.empty() ? "" : result.hits[0].record.id;
  }
};

IngestItem item(const std::string& id, const std::string& picture) { return {.id = id, .bytes = gallery_file(picture), .source = picture}; }

}  // namespace

TEST_CASE("an ingested picture is found by text, by image, by id and by vector") {
  Fixture fixture;
  const std::vector<IngestItem> items = {item("cat", "cat.png"), item("rocket", "rocket.png"), item("tomato", "tomato.png")};
  for (const auto& result : fixture.collection->ingest(items)) CHECK(result.status == IngestStatus::kCreated);
  CHECK(fixture.first("a cat") == "cat");
  CHECK(fixture.first("火箭") == "rocket");
  const auto by_image = fixture.collection->search({.query = clipdex::engine::ImageQuery{gallery_file("tomato.png")}});
  CHECK(by_image.hits.at(0).record.id == "tomato");
  CHECK_THAT(by_image.hits.at(0).score, WithinAbs(1, 1e-5));
  auto by_id = fixture.collection->search({.query = clipdex::engine::IdQuery{"cat"}, .include_vector = true});
  CHECK(by_id.hits.at(0).record.id == "cat");
  CHECK_THAT(by_id.hits.at(0).score, WithinAbs(1, 1e-5));
  auto vector = by_id.hits.at(0).vector;
  REQUIRE(vector.size() == 128);
  for (auto& value : vector) value *= 7;
  CHECK(fixture.collection->search({.query = clipdex::engine::VectorQuery{vector}}).hits.at(0).record.id == "cat");
  CHECK(fixture.collection->search({.query = clipdex::engine::IdQuery{"cat"}, .limit = 1, .offset = 1}).hits.at(0).record.id != "cat");
  CHECK(fixture.collection->search({.query = clipdex::engine::IdQuery{"cat"}, .min_score = 0.999F}).hits.size() == 1);
}

TEST_CASE("everything is there after reopening") {
  Fixture fixture(StoredContent::kOriginal);
  fixture.ingest({.id = "cat", .bytes = gallery_file("cat.png"), .source = "cat.png", .metadata = R"({"caption":"our cat"})"});
  fixture.ingest(item("rocket", "rocket.png"));
  fixture.collection->remove("rocket");
  fixture.reopen();
  CHECK(fixture.first("a rocket") == "cat");
  const auto record = fixture.collection->get("cat");
  REQUIRE(record);
  CHECK(record->metadata == R"({"caption":"our cat"})");
  CHECK(record->width == 128);
  CHECK(record->format == "png");
  CHECK(record->source == "cat.png");
  CHECK(fixture.collection->content("cat", ContentSize::kOriginal) == gallery_file("cat.png"));
  CHECK(fixture.collection->content("cat", ContentSize::kThumbnail)->starts_with("\xFF\xD8"));
  CHECK(!fixture.collection->content("rocket", ContentSize::kThumbnail));
  CHECK(fixture.collection->statistics().images == 1);
}

TEST_CASE("the same bytes again are unchanged, other bytes replace and keep metadata and time of creation") {
  Fixture fixture;
  const auto cat = IngestItem{.id = "x", .bytes = gallery_file("cat.png"), .metadata = R"({"a":1})"};
  CHECK(fixture.ingest(cat).status == IngestStatus::kCreated);
  const auto created = *fixture.collection->get("x");
  CHECK(fixture.ingest(cat).status == IngestStatus::kUnchanged);
  CHECK(*fixture.collection->get("x") == created);
  CHECK(fixture.ingest({.id = "x", .bytes = cat.bytes, .metadata = R"({"a":2})"}).status == IngestStatus::kUpdated);
  CHECK(fixture.collection->get("x")->row == created.row);
  CHECK(fixture.ingest(item("x", "rocket.png")).status == IngestStatus::kUpdated);
  const auto replaced = *fixture.collection->get("x");
  CHECK(replaced.row > created.row);
  CHECK(replaced.metadata == R"({"a":2})");
  CHECK(replaced.created_ms == created.created_ms);
  CHECK(fixture.collection->statistics().images == 1);
  CHECK(fixture.collection->search({.query = clipdex::engine::TextQuery{"a cat"}}).hits.size() == 1);
}

TEST_CASE("a picture without an id is named by its content, and known content needs no second encoding") {
  Fixture fixture;
  const auto result = fixture.ingest({.bytes = gallery_file("cat.png")});
  CHECK(result.id.size() == 32);
  CHECK(fixture.ingest({.bytes = gallery_file("cat.png")}).status == IngestStatus::kUnchanged);
  CHECK(fixture.ingest(item("copy", "cat.png")).status == IngestStatus::kCreated);
  const auto calls = [](const clipdex::engine::Histogram& histogram) {
    const auto counts = histogram.read().counts;
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };
  CHECK(calls(fixture.engine->metrics().decode) == 1);
  CHECK(calls(fixture.engine->metrics().preprocess) == 1);
  CHECK(calls(fixture.engine->metrics().thumbnail) == 1);
  CHECK(calls(fixture.engine->metrics().encode_image) == 1);
  CHECK(fixture.collection->get("copy")->content_hash == result.id);
  CHECK(fixture.collection->content("copy", ContentSize::kThumbnail) == fixture.collection->content(result.id, ContentSize::kThumbnail));
  CHECK(fixture.collection->search({.query = clipdex::engine::IdQuery{"copy"}}).hits.size() == 2);
}

TEST_CASE("bad pictures fail alone and say why") {
  Fixture fixture;
  const auto good = gallery_file("cat.png");
  const std::vector<IngestItem> items = {
      {.id = "good", .bytes = good},
      {.id = "empty", .bytes = ""},
      {.id = "text", .bytes = "this is no picture"},
      {.id = "cut", .bytes = good.substr(0, good.size() / 2)},
      {.id = "", .bytes = good},
      {.id = std::string(513, 'x'), .bytes = good},
      {.id = "new\nline", .bytes = good},
      {.id = "\xFF", .bytes = good},
      {.id = "m", .bytes = good, .metadata = "[1]"},
      {.id = "n", .bytes = good, .metadata = "{"},
      {.id = "big", .bytes = good, .metadata = "{\"k\":\"" + std::string(70'000, 'v') + "\"}"},
      {.id = "source", .bytes = good, .source = std::string(5000, 's')},
      {.id = "good", .bytes = gallery_file("rocket.png")},
      {.id = "good", .bytes = good},
      {.id = "last", .bytes = gallery_file("tomato.png")},
  };
  const auto results = fixture.collection->ingest(items);
  const std::vector<std::string> codes = {"",
                                          "unsupported_image",
                                          "unsupported_image",
                                          "corrupt_image",
                                          "invalid_id",
                                          "invalid_id",
                                          "invalid_id",
                                          "invalid_id",
                                          "invalid_metadata",
                                          "invalid_metadata",
                                          "invalid_metadata",
                                          "invalid_source",
                                          "duplicate_id",
                                          "",
                                          ""};
  for (std::size_t i = 0; i < items.size(); ++i) {
    INFO(i << " " << results[i].error);
    CHECK(results[i].error_code == codes[i]);
    CHECK((results[i].status == IngestStatus::kFailed) == !codes[i].empty());
    CHECK(results[i].error.empty() == codes[i].empty());
  }
  CHECK(results[13].status == IngestStatus::kUnchanged);
  CHECK(fixture.collection->statistics().images == 2);
  CHECK(fixture.collection->ingest({}).empty());
}

TEST_CASE("a removed picture is gone and stays gone") {
  Fixture fixture;
  fixture.ingest(item("cat", "cat.png"));
  fixture.ingest(item("rocket", "rocket.png"));
  CHECK(fixture.collection->remove("cat"));
  CHECK(!fixture.collection->remove("cat"));
  CHECK(!fixture.collection->get("cat"));
  CHECK(fixture.first("a cat") == "rocket");
  CHECK_THROWS_AS(fixture.collection->search({.query = clipdex::engine::IdQuery{"cat"}}), clipdex::engine::UnknownImageError);
  fixture.reopen();
  CHECK(fixture.first("a cat") == "rocket");
  CHECK(fixture.ingest(item("cat", "cat.png")).status == IngestStatus::kCreated);
  CHECK(fixture.first("a cat") == "cat");
}

TEST_CASE("metadata is patched as RFC 7396 says, without a new row") {
  Fixture fixture;
  fixture.ingest({.id = "cat", .bytes = gallery_file("cat.png"), .metadata = R"({"a":"b","c":{"d":"e","f":"g"}})"});
  const auto row = fixture.collection->get("cat")->row;
  const auto patched = fixture.collection->patch_metadata("cat", R"({"a":"z","c":{"f":null}})");
  REQUIRE(patched);
  CHECK(patched->metadata == R"({"a":"z","c":{"d":"e"}})");
  CHECK(patched->row == row);
  CHECK(fixture.collection->get("cat")->metadata == patched->metadata);
  CHECK_THROWS_AS(fixture.collection->patch_metadata("cat", "[]"), std::invalid_argument);
  CHECK_THROWS_AS(fixture.collection->patch_metadata("cat", "{\"k\":\"" + std::string(70'000, 'v') + "\"}"), std::invalid_argument);
  CHECK(!fixture.collection->patch_metadata("dog", "{}"));
}

TEST_CASE("impossible searches are refused with the reason") {
  Fixture fixture;
  fixture.ingest(item("cat", "cat.png"));
  const auto search = [&](clipdex::engine::SearchRequest request) { return fixture.collection->search(request); };
  using clipdex::engine::TextQuery;
  using clipdex::engine::VectorQuery;
  CHECK_THROWS_AS(search({.query = TextQuery{"a"}, .limit = 0}), std::invalid_argument);
  CHECK_THROWS_AS(search({.query = TextQuery{"a"}, .limit = 1001}), std::invalid_argument);
  CHECK_THROWS_AS(search({.query = TextQuery{"a"}, .offset = 9991}), std::invalid_argument);
  CHECK_THROWS_AS(search({.query = VectorQuery{std::vector<float>(127, 1)}}), std::invalid_argument);
  CHECK_THROWS_AS(search({.query = VectorQuery{std::vector<float>(128, 0)}}), std::invalid_argument);
  CHECK_THROWS_AS(search({.query = VectorQuery{std::vector<float>(128, std::numeric_limits<float>::infinity())}}), std::invalid_argument);
  CHECK_THROWS_AS(search({.query = clipdex::engine::ImageQuery{"no picture"}}), clipdex::engine::ImageError);
  CHECK(search({.query = TextQuery{""}}).hits.size() == 1);
}

TEST_CASE("listing goes page by page in order of ids") {
  Fixture fixture;
  for (const auto* id : {"b", "a", "c"}) fixture.ingest(item(id, "cat.png"));
  auto page = fixture.collection->list("", 2);
  REQUIRE(page.images.size() == 2);
  CHECK(page.images[0].id == "a");
  CHECK(page.next_after_id == "b");
  page = fixture.collection->list(page.next_after_id, 2);
  REQUIRE(page.images.size() == 1);
  CHECK(page.next_after_id.empty());
}

TEST_CASE("a picture is never missing while it is replaced") {
  Fixture fixture;
  const std::vector<IngestItem> versions = {item("x", "cat.png"), item("x", "rocket.png")};
  fixture.ingest(versions[0]);
  // With copies under other ids the replacing needs no encoding, and so is quick.
  fixture.ingest(item("copy of the cat", "cat.png"));
  fixture.ingest(item("copy of the rocket", "rocket.png"));
  std::atomic<bool> done = false;
  std::atomic<int> missing = 0, reads = 0;
  std::jthread reader([&] {
    for (; !done; ++reads) {
      if (!fixture.collection->get("x") || !fixture.collection->content("x", ContentSize::kThumbnail)) ++missing;
      if (fixture.collection->list("", 10).images.size() != 3) ++missing;
      try {
        if (fixture.collection->search({.query = clipdex::engine::IdQuery{"x"}}).hits.size() != 3) ++missing;
      } catch (const clipdex::engine::UnknownImageError&) {
        ++missing;
      }
    }
  });
  for (std::size_t i = 1; i < 60 || reads < 10; ++i) fixture.ingest(versions[i % 2]);
  done = true;
  reader.join();
  CHECK(missing == 0);
}

TEST_CASE("requests that fight for the same ids end with store and index equal, while searches go on") {
  Fixture fixture;
  const std::vector<std::string> pictures = {gallery_file("cat.png"), gallery_file("rocket.png"), gallery_file("tomato.png")};
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int round = 0; round < 15; ++round) {
          std::vector<IngestItem> items;
          for (int id = 0; id < 6; ++id)
            items.push_back({.id = std::to_string(id), .bytes = pictures[(t + static_cast<std::size_t>(id + round)) % 3]});
          fixture.collection->ingest(items);
          fixture.collection->remove(std::to_string(round % 6));
        }
      });
    }
    for (int i = 0; i < 30; ++i) fixture.first("a cat");
  }
  const auto page = fixture.collection->list("", 100);
  const auto hits = fixture.collection->search({.query = clipdex::engine::TextQuery{"a cat"}, .limit = 100}).hits;
  std::set<std::string> listed, found;
  for (const auto& record : page.images) listed.insert(record.id);
  for (const auto& hit : hits) found.insert(hit.record.id);
  CHECK(hits.size() == page.images.size());
  CHECK(listed == found);
  CHECK(fixture.collection->statistics().images == listed.size());
  for (const auto& id : listed) {
    // Each one's vector is that of its own bytes: searching by those finds it with a score of 1.
    const auto own = fixture.collection->search({.query = clipdex::engine::IdQuery{id}, .min_score = 0.9999F}).hits;
    CHECK(std::any_of(own.begin(), own.end(), [&](const auto& hit) { return hit.record.id == id; }));
  }
}

TEST_CASE(
    "the hits of one call hold no more than 16 MiB of metadata, the first searches have what there is, and those that fail hold none") {
  Fixture fixture;
  constexpr std::size_t kImages = 40, kSearches = 20;
  std::vector<clipdex::engine::VectorItem> items(kImages);
  for (std::size_t i = 0; i < kImages; ++i) {
    items[i] = {
        .id = std::to_string(i), .embedding = std::vector<float>(128), .metadata = R"({"text":")" + std::string(60'000, 'x') + "\"}"};
    items[i].embedding[i] = 1;
  }
  fixture.collection->import_vectors(items);
  std::vector<clipdex::engine::SearchRequest> searches(kSearches, {.query = clipdex::engine::IdQuery{"7"}, .limit = kImages});
  // Another group for the index, and no other place in the line.
  for (std::size_t i = 0; i < kSearches; i += 2) searches[i].min_score = -1;
  auto outcomes = fixture.collection->search_many(searches);
  std::size_t bytes = 0, failed = 0;
  for (const auto& outcome : outcomes) {
    if (outcome.error) {
      ++failed;
      CHECK(outcome.result.hits.empty());
      CHECK_THROWS_MATCHES(std::rethrow_exception(outcome.error), std::invalid_argument,
                           Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring("16 MiB")));
      continue;
    }
    CHECK(failed == 0);
    CHECK(outcome.result.hits.size() == kImages);
    for (const auto& hit : outcome.result.hits) bytes += hit.record.metadata.size() + hit.record.source.size();
  }
  CHECK(failed > 0);
  CHECK(failed < kSearches);
  CHECK(bytes <= clipdex::engine::kSearchRecordBytesMax);
  for (auto& search : searches) search.include_metadata = false;
  for (const auto& outcome : fixture.collection->search_many(searches)) {
    REQUIRE_FALSE(outcome.error);
    CHECK(outcome.result.hits.at(0).record.id == "7");
    CHECK(outcome.result.hits.at(0).record.metadata.empty());
  }
}
