// JPEG in all its kinds, its bombs, and decoding at a reduced size.
#include <turbojpeg.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <memory>
#include <string>

#include "encoder/image_decoder.h"
#include "encoder/preprocessing.h"
#include "encoder/thumbnail.h"
#include "tests/encoder/jpeg_bombs.h"
#include "tests/encoder/jpeg_files.h"

namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::encoder::decode_image;
using clipdex::encoder::Image;
using clipdex::encoder::ImageError;
using clipdex::encoder::ImageLimits;
using clipdex::encoder::Preprocessing;
using clipdex::tests::JpegOptions;
using clipdex::tests::many_scans;
using clipdex::tests::write_jpeg;
using Bytes = std::vector<std::uint8_t>;

// Smooth, with some waves.
Bytes scene(int width, int height) {
  Bytes pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / width, v = static_cast<double>(y) / height;
      for (const double value : {u, v, 0.5 + 0.4 * std::sin(9 * u) * std::cos(7 * v)})
        pixels.push_back(static_cast<std::uint8_t>(20 + 215 * std::clamp(value, 0.0, 1.0)));
    }
  }
  return pixels;
}

// The same library through its other interface.
Bytes decoded_by_turbojpeg(const Bytes& file, int width, int height) {
  const std::unique_ptr<void, int (*)(void*)> handle(::tjInitDecompress(), ::tjDestroy);
  Bytes pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  REQUIRE(::tjDecompress2(handle.get(), file.data(), file.size(), pixels.data(), width, 0, height, TJPF_RGB, TJFLAG_ACCURATEDCT) == 0);
  return pixels;
}

bool same_pixels(const Image& image, const Bytes& expected) {
  return std::equal(image.pixels.begin(), image.pixels.end(), expected.begin(), expected.end());
}

// `file` with an EXIF segment that says nothing but the orientation.
Bytes turned(const Bytes& file, int orientation) {
  const Bytes exif = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i',  'f', 0, 0, 'M', 'M', 0, 42, 0,
                      0,    0,    8, 0,  1,   1,   0x12, 0,   3, 0, 0,   0,   1, 0,  static_cast<std::uint8_t>(orientation),
                      0,    0,    0, 0,  0,   0};
  Bytes out(file.begin(), file.begin() + 2);
  out.insert(out.end(), exif.begin(), exif.end());
  out.insert(out.end(), file.begin() + 2, file.end());
  return out;
}

void check_too_large(const Bytes& file, const std::string& message, const ImageLimits& limits = {}) {
  try {
    decode_image(file, limits);
    FAIL("the picture was accepted");
  } catch (const ImageError& error) {
    CHECK(error.reason() == ImageError::Reason::kTooLarge);
    CHECK_THAT(error.what(), ContainsSubstring(message));
  }
}

}  // namespace

TEST_CASE("every subsampling is decoded to the accurate decoder's pixels") {
  const auto pixels = scene(101, 67);
  for (const auto& [horizontal, vertical] : {std::pair(1, 1), {2, 1}, {1, 2}, {2, 2}, {4, 1}, {1, 4}, {4, 2}, {2, 4}, {3, 1}}) {
    INFO("luma samples " << horizontal << " x " << vertical);
    const auto file = write_jpeg(pixels, 101, 67, {.horizontal = horizontal, .vertical = vertical});
    CHECK(same_pixels(decode_image(file), decoded_by_turbojpeg(file, 101, 67)));
  }
}

TEST_CASE("progressive, arithmetic-coded and restarted files have the pixels of the plain one") {
  const auto pixels = scene(150, 90);
  const Image plain = decode_image(write_jpeg(pixels, 150, 90, {}));
  for (const auto& options :
       {JpegOptions{.progressive = true}, JpegOptions{.restart_interval = 3}, JpegOptions{.arithmetic = true},
        JpegOptions{.progressive = true, .restart_interval = 5}, JpegOptions{.progressive = true, .arithmetic = true}}) {
    INFO("progressive " << options.progressive << ", arithmetic " << options.arithmetic << ", restarts " << options.restart_interval);
    CHECK(decode_image(write_jpeg(pixels, 150, 90, options)).pixels == plain.pixels);
  }
}

TEST_CASE("a file with one restart marker too few is damaged") {
  auto file = write_jpeg(scene(150, 90), 150, 90, {.restart_interval = 3});
  const Bytes marker = {0xFF, 0xD2};
  const auto at = std::search(file.begin(), file.end(), marker.begin(), marker.end());
  REQUIRE(at != file.end());
  file.erase(at, at + 2);
  CHECK_THROWS_MATCHES(decode_image(file), ImageError, MessageMatches(ContainsSubstring("damaged")));
}

TEST_CASE("a JPEG of far more scans than a picture needs is refused, by their number or by their work") {
  const Bytes small(64 * 64, 100), large(std::size_t{1024} * 1024, 100);
  CHECK(decode_image(write_jpeg(small, 64, 64, {.scans = many_scans(400), .gray = true})).width == 64);
  check_too_large(write_jpeg(small, 64, 64, {.scans = many_scans(700), .gray = true}), "700 scans");
  CHECK(decode_image(write_jpeg(large, 1024, 1024, {.scans = many_scans(15), .gray = true})).width == 1024);
  check_too_large(write_jpeg(large, 1024, 1024, {.scans = many_scans(100), .gray = true}), "100 scans");
}

TEST_CASE("a large progressive JPEG of few bytes is decoded in the usual passes, and refused in many") {
  const Bytes white(std::size_t{4000} * 3000 * 3, 255);
  CHECK(decode_image(write_jpeg(white, 4000, 3000, {.progressive = true})).width == 4000);
  CHECK(decode_image(write_jpeg(white, 4000, 3000, {.horizontal = 1, .vertical = 1, .progressive = true})).width == 4000);
  // 90,000 blocks: 8 passes over them are less than a million visits, 15 are more.
  CHECK(decode_image(clipdex::tests::bombs::jpeg_of_runs(2'400, 6)).width == 2'400);
  check_too_large(clipdex::tests::bombs::jpeg_of_runs(2'400, 13), "15 scans");
}

TEST_CASE("a large progressive JPEG of next to no bytes, as arithmetic coding makes it, is refused") {
  const Bytes gray(std::size_t{6400} * 6400, 128);
  const auto file = write_jpeg(gray, 6400, 6400, {.progressive = true, .arithmetic = true, .gray = true});
  REQUIRE(file.size() < 10'000);
  check_too_large(file, "progressive");
}

TEST_CASE("a progressive JPEG whose coefficients would take more memory than the largest picture is refused") {
  const Bytes gray(std::size_t{4096} * 2304, 50);
  const ImageLimits limits{.pixels_max = std::uint64_t{4096} * 2304 / 2 * 3};
  CHECK(decode_image(write_jpeg(gray, 4096, 2304, {.gray = true}), limits).width == 4096);
  CHECK(decode_image(write_jpeg(gray, 4096, 2304, {.progressive = true, .gray = true}), limits).width == 4096);
  check_too_large(write_jpeg(Bytes(gray.size() * 3, 50), 4096, 2304, {.horizontal = 1, .vertical = 1, .progressive = true}), "progressive",
                  limits);
}

TEST_CASE("a large JPEG is decoded at a reduced size, never below what is asked for, and keeps its true size") {
  const auto file = write_jpeg(scene(1003, 757), 1003, 757, {});
  const auto sides = [&](const clipdex::encoder::DecodeOptions& options) {
    const Image image = decode_image(file, {}, options);
    CHECK(whole_width(image) == 1003);
    CHECK(whole_height(image) == 757);
    return std::pair(image.width, image.height);
  };
  CHECK(sides({}) == std::pair(1003, 757));
  CHECK(sides({.shorter_side_min = 400}) == std::pair(1003, 757));
  CHECK(sides({.shorter_side_min = 379}) == std::pair(502, 379));
  CHECK(sides({.shorter_side_min = 100}) == std::pair(251, 190));
  CHECK(sides({.shorter_side_min = 95}) == std::pair(126, 95));
  CHECK(sides({.shorter_side_min = 1}) == std::pair(126, 95));
  CHECK(sides({.shorter_side_min = 1, .longer_side_min = 256}) == std::pair(502, 379));
  CHECK(sides({.longer_side_min = 126}) == std::pair(126, 95));
}

TEST_CASE("what a model gets of a reduced picture is what it gets of the whole, whichever way up it is stored") {
  const Preprocessing preprocessing{.width = 64, .height = 64, .resize_to = 64};
  // Neither side is a multiple of 8: were the rounded-up part taken for picture, everything would be displaced.
  const auto file = write_jpeg(scene(1003, 757), 1003, 757, {.quality = 95});
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    const auto upright = turned(file, orientation);
    const Image reduced = decode_image(upright, {}, clipdex::encoder::reduced_decoding(preprocessing));
    REQUIRE(std::min(reduced.width, reduced.height) == 190);
    const Image expected = resize_and_crop(decode_image(upright), preprocessing), found = resize_and_crop(reduced, preprocessing);
    int difference = 0;
    for (std::size_t i = 0; i < expected.pixels.size(); ++i)
      difference = std::max(difference, std::abs(expected.pixels[i] - found.pixels[i]));
    CHECK(difference <= 2);
  }
}

TEST_CASE("nothing is reduced for the nearest neighbour, which takes single samples of the whole picture") {
  Preprocessing preprocessing{.width = 64, .height = 64, .resize_to = 64};
  const auto file = write_jpeg(scene(1003, 757), 1003, 757, {.quality = 95});
  CHECK(decode_image(file, {}, clipdex::encoder::reduced_decoding(preprocessing)).width < 1003);
  for (const auto mode :
       {clipdex::encoder::ResizeMode::kShortest, clipdex::encoder::ResizeMode::kLongest, clipdex::encoder::ResizeMode::kSquash}) {
    preprocessing.resize_mode = mode;
    preprocessing.interpolation = clipdex::encoder::Interpolation::kNearest;
    const Image image = decode_image(file, {}, clipdex::encoder::reduced_decoding(preprocessing));
    CHECK(image.width == 1003);
    CHECK(resize_and_crop(image, preprocessing).pixels == resize_and_crop(decode_image(file), preprocessing).pixels);
  }
}

TEST_CASE("the thumbnail of a reduced picture has the whole one's shape") {
  const auto file = write_jpeg(scene(1003, 757), 1003, 757, {});
  const auto size_of = [](const Image& image) {
    const auto bytes = clipdex::encoder::make_thumbnail(image);
    const Image small = decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    return std::pair(small.width, small.height);
  };
  CHECK(size_of(decode_image(file, {}, {.longer_side_min = 256})) == size_of(decode_image(file)));
}
