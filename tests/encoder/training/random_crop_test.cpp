#include "encoder/training/random_crop.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

using clipdex::encoder::Image;
using clipdex::training::CropOptions;
using clipdex::training::random_window;
using clipdex::training::RandomStream;

TEST_CASE("crops keep the share and the ratio that were asked for, and lie everywhere") {
  const CropOptions options{.scale_min = 0.3, .scale_max = 0.9};
  RandomStream random{1, 2};
  std::set<std::pair<int, int>> places;
  double smallest = 1, largest = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto window = random_window(300, 200, options, random);
    REQUIRE(window.left >= 0);
    REQUIRE(window.top >= 0);
    REQUIRE(window.left + window.width <= 300);
    REQUIRE(window.top + window.height <= 200);
    const double share = window.width * window.height / 60'000.0, ratio = static_cast<double>(window.width) / window.height;
    CHECK(share > 0.28);
    CHECK(share < 0.92);
    CHECK(ratio > 0.74);
    CHECK(ratio < 1.36);
    smallest = std::min(smallest, share);
    largest = std::max(largest, share);
    places.emplace(window.left, window.top);
  }
  CHECK(smallest < 0.35);
  CHECK(largest > 0.8);
  CHECK(places.size() > 1000);
}

TEST_CASE("where no ratio fits, the middle is taken") {
  RandomStream random{1, 2};
  const auto window = random_window(1000, 10, {.scale_min = 0.9}, random);
  CHECK(window.height == 10);
  CHECK(window.width == 13);
  CHECK(window.left == 493);
}

TEST_CASE("the whole of a flat picture is flat pixels, normalised") {
  Image image{.width = 40, .height = 40, .channels = 3};
  image.pixels = clipdex::encoder::Pixels(40 * 40 * 3, 200);
  clipdex::encoder::Preprocessing preprocessing;
  preprocessing.width = preprocessing.height = preprocessing.resize_to = 16;
  std::vector<float> pixels(3 * 16 * 16, -100);
  RandomStream random{4};
  random_resized_crop(image, preprocessing, {.scale_min = 0.5}, random, pixels.data());
  for (std::size_t c = 0; c < 3; ++c) {
    const float expected = (200.0F / 255 - preprocessing.mean[c]) / preprocessing.std[c];
    for (std::size_t i = 0; i < 256; ++i) REQUIRE(std::abs(pixels[c * 256 + i] - expected) < 1e-5F);
  }
}

TEST_CASE("a crop of a palette's or transparent picture is resized as the reference resizes that kind") {
  // Half black, half white, in columns: what lies between the two colours tells the filter.
  const auto shades = [](bool indexed, clipdex::encoder::PreprocessingConvention convention, int channels) {
    Image image{.width = 64, .height = 64, .channels = channels, .indexed = indexed};
    for (int i = 0; i < 64 * 64; ++i) {
      for (int c = 0; c < channels; ++c) {
        const bool alpha = channels == 4 && c == 3;
        image.pixels.push_back(alpha ? 255 : i % 64 < 32 ? 0 : 255);
      }
    }
    clipdex::encoder::Preprocessing preprocessing;
    preprocessing.convention = convention;
    preprocessing.width = preprocessing.height = preprocessing.resize_to = 15;
    std::vector<float> pixels(3 * 15 * 15);
    RandomStream random{4};
    random_resized_crop(image, preprocessing, {.scale_min = 0.5}, random, pixels.data());
    return std::set<float>(pixels.begin(), pixels.begin() + 15 * 15).size();
  };
  using clipdex::encoder::PreprocessingConvention;
  CHECK(shades(true, PreprocessingConvention::kOpenAi, 3) == 2);  // nearest neighbour
  CHECK(shades(true, PreprocessingConvention::kHuggingFace, 3) > 2);
  CHECK(shades(false, PreprocessingConvention::kOpenAi, 3) > 2);
  CHECK(shades(false, PreprocessingConvention::kOpenAi, 4) > 2);
}

TEST_CASE("a crop is what resizing the part that was cut out by hand gives") {
  Image image{.width = 70, .height = 50, .channels = 3};
  for (int y = 0; y < 50; ++y) {
    for (int x = 0; x < 70; ++x) {
      for (int c = 0; c < 3; ++c) image.pixels.push_back(static_cast<std::uint8_t>((x * x + 31 * y * (c + 1) + x * y) % 256));
    }
  }
  clipdex::encoder::Preprocessing preprocessing;
  preprocessing.width = preprocessing.height = preprocessing.resize_to = 16;
  const CropOptions options{.scale_min = 0.3};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random{seed}, same{seed};
    std::vector<float> pixels(3 * 16 * 16);
    random_resized_crop(image, preprocessing, options, random, pixels.data());
    const auto window = random_window(image.width, image.height, options, same);
    Image part{.width = window.width, .height = window.height, .channels = 3};
    for (int y = 0; y < window.height; ++y) {
      for (int x = 0; x < window.width; ++x) {
        for (int c = 0; c < 3; ++c)
          part.pixels.push_back(image.pixels[static_cast<std::size_t>(((window.top + y) * 70 + window.left + x) * 3 + c)]);
      }
    }
    auto squashed = preprocessing;
    squashed.resize_mode = clipdex::encoder::ResizeMode::kSquash;
    CHECK(pixels == clipdex::encoder::preprocess(part, squashed));
  }
}
