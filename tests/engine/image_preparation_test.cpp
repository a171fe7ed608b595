#include "engine/image_preparation.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/encoder/device_decoders.h"
#include "tests/encoder/jpeg_files.h"
#include "tests/gallery.h"

using clipdex::engine::ClipEncoder;
using clipdex::engine::ImagePreparation;
using clipdex::engine::OverloadedError;
using clipdex::engine::PreparationOptions;

TEST_CASE("more requests of several batches than there are places for batches all end") {
  clipdex::engine::Metrics metrics;
  const ImagePreparation preparation(std::make_shared<const ClipEncoder>(clipdex::tests::kModel), PreparationOptions{}, metrics);
  const std::string cat = clipdex::tests::gallery_file("cat.png");
  const std::string broken = cat.substr(0, cat.size() / 2);
  constexpr std::size_t kFiles = 100;
  std::vector<const std::string*> files(kFiles, &cat);
  files[70] = &broken;

  std::atomic<int> right = 0;
  constexpr int kRequests = 8;
  {
    std::vector<std::jthread> requests;
    for (int i = 0; i < kRequests; ++i) {
      requests.emplace_back([&] {
        const auto prepared = preparation.prepare(files, /*thumbnails=*/false);
        bool all = prepared.size() == kFiles;
        for (std::size_t file = 0; all && file < kFiles; ++file)
          all = (file == 70) == (prepared[file].error_code == "corrupt_image") && prepared[file].embedding.empty() == (file == 70);
        if (all) ++right;
      });
    }
  }
  CHECK(right == kRequests);
}

TEST_CASE("query pictures beyond the limit are refused, and those within it are encoded") {
  clipdex::engine::Metrics metrics;
  const auto encoder = std::make_shared<const ClipEncoder>(clipdex::tests::kModel);
  const std::string cat = clipdex::tests::gallery_file("cat.png");
  const ImagePreparation full(encoder, {.queries_max = 0, .query_patience = std::chrono::milliseconds(1)}, metrics);
  CHECK_THROWS_AS(full.embed(cat, full.patience_end()), OverloadedError);
  // A place is given back whatever becomes of the picture: with one place, eight callers all get through, one after the other.
  const ImagePreparation narrow(encoder, {.queries_max = 1, .query_patience = std::chrono::minutes(1)}, metrics);
  CHECK_THROWS(narrow.embed(cat.substr(0, cat.size() / 2), narrow.patience_end()));
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 8; ++i)
      callers.emplace_back([&] { right += narrow.embed(cat, narrow.patience_end()).size() == encoder->dimension() ? 1 : 0; });
  }
  CHECK(right == 8);
}

TEST_CASE("query pictures at the same time get each its own embedding, and share the encoder's steps") {
  clipdex::engine::Metrics metrics;
  const auto encoder = std::make_shared<const ClipEncoder>(clipdex::tests::kModel);
  const ImagePreparation preparation(encoder, PreparationOptions{}, metrics);
  std::vector<std::string> files;
  for (const auto* name :
       {"cat.png", "dog.png", "rocket.png", "red-apple.png", "lemon.png", "scene-000.png", "tomato.png", "guide-dog.png"})
    files.push_back(clipdex::tests::gallery_file(name));
  std::vector<const std::string*> pointers;
  for (const auto& file : files) pointers.push_back(&file);
  const auto wanted = preparation.prepare(pointers, /*thumbnails=*/false);
  const auto calls = [&] {
    const auto counts = metrics.image_batch.read().counts;
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };

  std::uint64_t pictures = 0;
  const auto calls_before = calls();
  constexpr int kRoundsMax = 200;  // whether two of them meet at the encoder is up to the scheduler
  for (int round = 0; round < kRoundsMax && calls() - calls_before == pictures; ++round) {
    std::vector<std::vector<float>> found(files.size());
    {
      std::vector<std::jthread> callers;
      for (std::size_t i = 0; i < files.size(); ++i)
        callers.emplace_back([&, i] { found[i] = preparation.embed(files[i], preparation.patience_end()); });
    }
    pictures += files.size();
    for (std::size_t i = 0; i < files.size(); ++i) {
      REQUIRE(found[i].size() == encoder->dimension());
      double dot = 0;
      for (std::size_t j = 0; j < found[i].size(); ++j) dot += static_cast<double>(found[i][j]) * wanted[i].embedding[j];
      CHECK(dot > 0.99999);
    }
  }
  CHECK(calls() - calls_before < pictures);
}

TEST_CASE("with a device that decodes some pictures, declines others and fails, every file has the result that it has without one") {
  clipdex::engine::Metrics metrics;
  std::vector<std::string> files;
  for (int i = 0; i < 40; ++i) {
    const int width = 300 + 20 * (i % 7), height = 500 - 20 * (i % 5);
    const auto jpeg = clipdex::tests::write_jpeg(clipdex::tests::waves(width, height), width, height, {.progressive = i % 4 == 3});
    files.emplace_back(jpeg.begin(), jpeg.begin() + (i % 10 == 9 ? 900 : static_cast<std::ptrdiff_t>(jpeg.size())));
  }
  files.push_back(clipdex::tests::gallery_file("cat.png"));
  std::vector<const std::string*> pointers;
  for (const auto& file : files) pointers.push_back(&file);
  const auto cpu = std::make_shared<const ClipEncoder>(clipdex::tests::kModel);
  const ImagePreparation plain(cpu, PreparationOptions{}, metrics);
  const auto wanted = plain.prepare(pointers, /*thumbnails=*/true);

  const auto device =
      std::make_shared<clipdex::tests::StandInDecoder>([](int call) -> std::optional<std::optional<clipdex::encoder::Pixels>> {
        if (call % 3 == 0) throw std::runtime_error("the device failed");
        if (call % 3 == 1) return std::optional<clipdex::encoder::Pixels>();
        return std::nullopt;
      });
  const auto encoder =
      std::make_shared<const ClipEncoder>(clipdex::tests::kModel, clipdex::engine::EncoderOptions{.device_decoder = device});
  const ImagePreparation preparation(encoder, PreparationOptions{}, metrics);
  const auto found = preparation.prepare(pointers, /*thumbnails=*/true);
  CHECK(device->calls > 30);
  for (std::size_t i = 0; i < files.size(); ++i) {
    INFO("file " << i);
    CHECK(found[i].error == wanted[i].error);
    CHECK(found[i].error_code == (i % 10 == 9 ? "corrupt_image" : ""));
    CHECK(found[i].width == wanted[i].width);
    CHECK(found[i].height == wanted[i].height);
    CHECK(found[i].thumbnail.empty() == wanted[i].thumbnail.empty());
    if (!wanted[i].error.empty()) continue;
    const auto query = preparation.embed(files[i], preparation.patience_end());
    double stored = 0, asked = 0;
    for (std::size_t j = 0; j < wanted[i].embedding.size(); ++j) {
      stored += static_cast<double>(found[i].embedding[j]) * wanted[i].embedding[j];
      asked += static_cast<double>(query[j]) * wanted[i].embedding[j];
    }
    CHECK(stored > 0.99);
    CHECK(asked > 0.99);
  }
  const int calls = device->calls;
  const ImagePreparation exact(encoder, {.exact_decode = true}, metrics), plain_exact(cpu, {.exact_decode = true}, metrics);
  CHECK(exact.prepare(pointers, /*thumbnails=*/false)[0].embedding == plain_exact.prepare(pointers, /*thumbnails=*/false)[0].embedding);
  CHECK(device->calls == calls);
}
