#include "encoder/resize.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <random>

#include "encoder/resize_passes.h"

namespace {

using clipdex::encoder::Image;
using clipdex::encoder::Interpolation;
using clipdex::encoder::Pixels;
using clipdex::encoder::Taps;

Image noise(int width, int height, int channels, std::mt19937& random) {
  Image image{.width = width, .height = height, .channels = channels, .indexed = false, .format = {}, .pixels = {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels));
  for (auto& sample : image.pixels) sample = static_cast<std::uint8_t>(random());
  return image;
}

Image blank(int width, int height, int channels) {
  return {.width = width,
          .height = height,
          .channels = channels,
          .indexed = false,
          .format = {},
          .pixels = Pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels), 0)};
}

// Anywhere in [0, in), with weights of either sign whose sum of absolute values is at most 1.9, as the filters' are.
Taps random_taps(int in, int positions, int taps_max, std::mt19937& random) {
  Taps taps;
  taps.per_position = std::min(in, taps_max);
  for (int position = 0; position < positions; ++position) {
    const int count = 1 + static_cast<int>(random() % static_cast<unsigned>(taps.per_position));
    taps.count.push_back(count);
    taps.first.push_back(static_cast<int>(random() % static_cast<unsigned>(in - count + 1)));
    const int largest = static_cast<int>(1.9 * (1 << clipdex::encoder::kPrecisionBits) / count);
    for (int i = 0; i < taps.per_position; ++i) {
      const int weight = static_cast<int>(random() % static_cast<unsigned>(2 * largest + 1)) - largest;
      taps.weights.push_back(i < count ? weight : 0);
    }
  }
  return taps;
}

}  // namespace

TEST_CASE("the AVX2 passes give the scalar ones' samples to the bit, at any size and number of channels") {
  if (!clipdex::encoder::has_avx2()) SKIP("this CPU has no AVX2");
  std::mt19937 random(5);
  const auto side = [&](unsigned most) { return 1 + static_cast<int>(random() % most); };
  for (int round = 0; round < 300; ++round) {
    const int channels = 1 + round % 4;
    const bool tiny = round % 3 == 0;  // where a row is shorter than what one step reads
    const Image in = noise(side(tiny ? 5 : 90), side(tiny ? 4 : 40), channels, random);
    INFO("round " << round << ": " << in.width << " x " << in.height << " x " << channels);

    const int first_row = static_cast<int>(random() % static_cast<unsigned>(in.height));
    const Taps across = random_taps(in.width, side(70), 60, random);
    Image expected = blank(static_cast<int>(across.first.size()), in.height - first_row, channels), found = expected;
    clipdex::encoder::horizontal_pass_scalar(in, across, first_row, expected);
    clipdex::encoder::horizontal_pass_avx2(in, across, first_row, found);
    REQUIRE(found.pixels == expected.pixels);

    const Taps down = random_taps(in.height, side(50), 60, random);
    expected = blank(in.width, static_cast<int>(down.first.size()), channels), found = expected;
    clipdex::encoder::vertical_pass_scalar(in, down, 0, expected);
    clipdex::encoder::vertical_pass_avx2(in, down, 0, found);
    REQUIRE(found.pixels == expected.pixels);
  }
}

TEST_CASE("a window of a resized picture is that part of the whole") {
  std::mt19937 random(7);
  const Image image = noise(61, 47, 3, random);
  for (const auto interpolation : {Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kLanczos, Interpolation::kNearest}) {
    const Image whole = clipdex::encoder::resize(image, 37, 83, interpolation);
    const Image part = clipdex::encoder::resize_window(image, 37, 83, interpolation, {.left = 5, .top = 11, .width = 20, .height = 60});
    for (int y = 0; y < 60; ++y) {
      const auto row = [](const Image& of, int x, int at) { return of.pixels.begin() + (at * of.width + x) * 3; };
      REQUIRE(std::equal(row(part, 0, y), row(part, 0, y) + std::ptrdiff_t{20} * 3, row(whole, 5, y + 11)));
    }
  }
}

TEST_CASE("of a picture with an extent, the extent is resized and what lies around it only blends into the edge") {
  // Left half of the last column belongs to the picture: its middle is at 7.5 / 2 of the whole.
  Image image = blank(8, 1, 1);
  for (int x = 0; x < 8; ++x) image.pixels[static_cast<std::size_t>(x)] = static_cast<std::uint8_t>(20 * x);
  image.full_width = 30, image.full_height = 4;
  image.extent = {.left = 0, .top = 0, .width = 7.5, .height = 1};
  const Image out = clipdex::encoder::resize(image, 3, 1, Interpolation::kBilinear);
  CHECK(std::abs(int{out.pixels[1]} - 65) <= 1);  // position 3.75, which is sample 3.25
}
