// What the index's background work does without being told.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/collection.h"
#include "engine/image_preparation.h"
#include "engine/query_encoder.h"
#include "tests/gallery.h"
#include "tests/index/rounding_device.h"
#include "tests/temporary_directory.h"

namespace {

using clipdex::engine::ClipEncoder;
using clipdex::engine::Collection;
using clipdex::engine::VectorItem;

// As many as a device has to have of a segment.
constexpr std::size_t kImages = 12'000;

void import_random(Collection& collection, std::size_t dimension) {
  constexpr std::size_t kAtOnce = 1'000;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (std::size_t begin = 0; begin < kImages; begin += kAtOnce) {
    std::vector<VectorItem> items(kAtOnce);
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      items[i].id = std::to_string(begin + i);
      items[i].embedding.resize(dimension);
      for (auto& value : items[i].embedding) value = normal(random);
    }
    collection.import_vectors(items);
  }
}

// Some turns of the upkeep that looks by itself.
bool comes_true(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return condition();
}

}  // namespace

TEST_CASE("a device that gets room, and later fails, is noticed without a write") {
  const clipdex::tests::TemporaryDirectory directory;
  clipdex::tests::DeviceLog log;
  log.bytes_max = 0;
  clipdex::engine::Metrics metrics;
  const auto encoder = std::make_shared<const ClipEncoder>(clipdex::tests::kModel);
  clipdex::engine::CollectionResources resources{
      .encoder = encoder,
      .preparation = std::make_shared<clipdex::engine::ImagePreparation>(encoder, clipdex::engine::PreparationOptions{}, metrics),
      .queries = std::make_shared<clipdex::engine::QueryEncoder>(encoder, 0, metrics),
      .metrics = &metrics,
      .building = std::make_shared<std::mutex>(),
      .tuning = {.threads = 1, .seal_rows = kImages},
      .accelerator = std::make_shared<clipdex::tests::RoundingDevice>(log)};
  Collection::create(directory.path() / "pictures", {.index_type = "flat"}, *encoder);
  Collection collection("pictures", directory.path() / "pictures", resources);
  import_random(collection, encoder->dimension());
  REQUIRE(collection.finish_upkeep([] { return false; }));
  CHECK(collection.statistics().index_device_bytes == 0);
  log.bytes_max = std::size_t{1} << 30;
  CHECK(comes_true([&] { return collection.statistics().index_device_bytes > 0; }));
  const auto search = [&] { return collection.search({.query = clipdex::engine::IdQuery{"77"}, .limit = 5}).hits.at(0).record.id; };
  CHECK(search() == "77");
  CHECK(log.searches > 0);
  log.broken = true;
  CHECK(search() == "77");
  CHECK(comes_true([&] { return collection.statistics().index_device_bytes == 0; }));
  CHECK(comes_true([&] { return log.bytes == 0; }));
}
