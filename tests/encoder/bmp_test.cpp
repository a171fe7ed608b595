#include <catch2/catch_test_macros.hpp>

#include "encoder/image_decoder.h"
#include "tests/encoder/pictures.h"

namespace clipdex::tests {
namespace {

using encoder::decode_image;
using encoder::Image;
using encoder::ImageError;

void append(Bytes& to, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

struct BmpOptions {
  int width = 5, height = 3;  // negative: rows from above
  std::uint32_t bits = 24, compression = 0, colors = 0;
  Bytes between;  // masks or palette, behind the header of 40 bytes
};

Bytes bmp(const BmpOptions& options, const Bytes& data) {
  Bytes file = {'B', 'M'};
  append(file, 0, 8);
  append(file, static_cast<std::uint32_t>(54 + options.between.size()), 4);
  append(file, 40, 4);
  append(file, static_cast<std::uint32_t>(options.width), 4);
  append(file, static_cast<std::uint32_t>(options.height), 4);
  append(file, 1, 2);
  append(file, options.bits, 2);
  append(file, options.compression, 4);
  append(file, 0, 12);
  append(file, options.colors, 4);
  append(file, 0, 4);
  file.insert(file.end(), options.between.begin(), options.between.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

// Blue, green, red, unused: entry i is (i + 1, 2 i, 3 i).
Bytes palette(int colors) {
  Bytes bytes;
  for (int i = 0; i < colors; ++i) {
    for (const int value : {i + 1, 2 * i, 3 * i, 0}) bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

// The palette's index that a decoded pixel came from.
int index_at(const Image& image, int x, int y) {
  const auto* pixel = image.pixels.data() + (y * image.width + x) * 3;
  const int index = pixel[2] - 1;
  REQUIRE(int{pixel[1]} == 2 * index);
  REQUIRE(int{pixel[0]} == 3 * index);
  return index;
}

TEST_CASE("BMP pictures of 24 bits are read from below and from above") {
  const auto data = varied_samples(16 * 3);  // 5 pixels are 15 bytes, padded to 16
  for (const int height : {3, -3}) {
    const Image image = decode_image(bmp({.height = height}, data));
    CHECK(image.format == encoder::ImageFormat::kBmp);
    CHECK(image.width == 5);
    CHECK(image.height == 3);
    REQUIRE(image.channels == 3);
    for (std::size_t y = 0; y < 3; ++y) {
      for (std::size_t x = 0; x < 5; ++x) {
        for (std::size_t c = 0; c < 3; ++c) CHECK(image.pixels[(y * 5 + x) * 3 + c] == data[(height < 0 ? y : 2 - y) * 16 + x * 3 + 2 - c]);
      }
    }
  }
}

TEST_CASE("BMP pictures of 16 and 32 bits are read with their bit fields") {
  Bytes data;
  for (const std::uint32_t pixel : {0x1FU, 0x7E0U, 0xF800U, 0xFFFFU}) append(data, pixel, 2);
  Bytes masks;
  for (const std::uint32_t mask : {0xF800U, 0x7E0U, 0x1FU}) append(masks, mask, 4);
  const Image image = decode_image(bmp({.width = 4, .height = 1, .bits = 16, .compression = 3, .between = masks}, data));
  CHECK(image.pixels == Bytes{0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255});
  const Image plain = decode_image(bmp({.width = 1, .height = 1, .bits = 16}, {0x00, 0x7C, 0, 0}));  // 5 bits each
  CHECK(plain.pixels == Bytes{255, 0, 0});
  CHECK(decode_image(bmp({.width = 1, .height = 1, .bits = 32}, {1, 2, 3, 4})).pixels == Bytes{3, 2, 1});
}

TEST_CASE("BMP pictures with palettes of 1, 4 and 8 bits become RGB and are marked") {
  for (const std::uint32_t bits : {1U, 4U, 8U}) {
    const int colors = 1 << std::min(bits, 6U);
    Bytes data = varied_samples(std::size_t{4} * ((7 * bits + 31) / 32) * 2);
    for (auto& byte : data) byte = bits == 8 ? byte % 64 : byte;
    const Image image = decode_image(
        bmp({.width = 7, .height = 2, .bits = bits, .colors = static_cast<std::uint32_t>(colors), .between = palette(colors)}, data));
    CHECK(image.indexed);
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 7; ++x) {
        const auto bit = static_cast<std::size_t>(x) * bits;
        const int stored = data[data.size() / 2 * static_cast<std::size_t>(1 - y) + bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1);
        CHECK(index_at(image, x, y) == stored);
      }
    }
  }
  Bytes ramp;
  for (std::uint32_t i = 0; i < 256; ++i) append(ramp, i * 0x10101, 4);
  const Image gray = decode_image(bmp({.width = 4, .height = 1, .bits = 8, .colors = 256, .between = ramp}, {9, 8, 7, 6}));
  CHECK(gray.channels == 1);
  CHECK_FALSE(gray.indexed);
  CHECK(gray.pixels == Bytes{9, 8, 7, 6});
}

TEST_CASE("run-length coded BMP pictures are read: runs, literals, moves, early ends") {
  const auto check = [](const Image& image, const std::vector<std::vector<int>>& rows) {
    for (std::size_t y = 0; y < rows.size(); ++y) {
      for (std::size_t x = 0; x < rows[y].size(); ++x) CHECK(index_at(image, static_cast<int>(x), static_cast<int>(y)) == rows[y][x]);
    }
  };
  const BmpOptions eight{.width = 6, .height = 3, .bits = 8, .compression = 1, .colors = 16, .between = palette(16)};
  // From below: four 7s, then end of row; 1 2 3 literally, padded; a move of 2 to the right, one 5; end of picture in between.
  check(decode_image(bmp(eight, {4, 7, 0, 0, 0, 3, 1, 2, 3, 0, 0, 2, 2, 0, 1, 5, 0, 1})),
        {{0, 0, 0, 0, 0, 0}, {1, 2, 3, 0, 0, 5}, {7, 7, 7, 7, 0, 0}});
  const BmpOptions four{.width = 6, .height = 2, .bits = 4, .compression = 2, .colors = 16, .between = palette(16)};
  // Five of alternating 1 and 2; then 3 4 5 literally in two bytes.
  check(decode_image(bmp(four, {5, 0x12, 0, 0, 0, 3, 0x34, 0x50, 0, 1})), {{3, 4, 5, 0, 0, 0}, {1, 2, 1, 2, 1, 0}});
  // Runs over the row's end are cut, moves over the picture's end end it.
  check(decode_image(bmp(eight, {200, 7, 0, 2, 255, 255})), {{0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0}, {7, 7, 7, 7, 7, 7}});
  CHECK(reason_of(bmp(eight, {4, 7, 0, 0, 0, 30, 1, 2})) == ImageError::Reason::kCorrupt);
  // What comes behind a row's end is cut too, byte for byte and in a run.
  check(decode_image(bmp(eight, {5, 7, 0, 3, 1, 2, 3, 0, 9, 4, 0, 0, 6, 5, 0, 1})),
        {{0, 0, 0, 0, 0, 0}, {5, 5, 5, 5, 5, 5}, {7, 7, 7, 7, 7, 1}});
}

TEST_CASE("a run-length coded BMP picture that goes on for megabytes behind its row's end is refused") {
  const BmpOptions one{.width = 1, .height = 1, .bits = 8, .compression = 1, .colors = 16, .between = palette(16)};
  const auto runs_before_end = [&](std::size_t bytes) {
    Bytes data(bytes, 1);
    data.insert(data.end(), {0, 1});
    return bmp(one, data);
  };
  CHECK(index_at(decode_image(runs_before_end(1'000'000)), 0, 0) == 1);
  CHECK(reason_of(runs_before_end(2'000'000)) == ImageError::Reason::kCorrupt);
}

TEST_CASE("BMP pictures over the limits are refused from their header") {
  CHECK(reason_of(bmp({.width = 50'000, .height = 50'000}, {})) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(bmp({.width = 20'000, .height = 20'000, .bits = 8, .compression = 1}, {0, 1})) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(bmp({.width = 8'000, .height = 8'000}, {})) == ImageError::Reason::kCorrupt);  // its pixels are not there
  CHECK(reason_of(bmp({.width = -5}, {})) == ImageError::Reason::kCorrupt);
}

TEST_CASE("kinds of BMP files that are not read are refused by name") {
  CHECK(reason_of(bmp({.bits = 24, .compression = 4}, {})) == ImageError::Reason::kUnsupported);  // a JPEG within
  CHECK(reason_of(bmp({.bits = 13}, {})) == ImageError::Reason::kUnsupported);
  CHECK(reason_of(bmp({.bits = 8, .compression = 2}, {})) == ImageError::Reason::kUnsupported);
}

TEST_CASE("a BMP file that is cut or damaged is refused or read, and never more") {
  for (const auto& file : {bmp({}, varied_samples(48)), bmp({.width = 6, .bits = 8, .compression = 1, .colors = 16, .between = palette(16)},
                                                            {4, 7, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 1, 5, 0, 1})}) {
    check_cuts_are_refused(file, file.size());
    check_damage_is_survived(file);
  }
}

}  // namespace
}  // namespace clipdex::tests
