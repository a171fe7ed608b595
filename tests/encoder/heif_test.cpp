#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>

#include "encoder/image_decoder.h"
#include "tests/encoder/heif_bombs.h"
#include "tests/encoder/heif_files.h"
#include "tests/encoder/pictures.h"

namespace clipdex::tests {
namespace {

using encoder::decode_image;
using encoder::Image;
using encoder::ImageError;
using encoder::ImageFormat;

constexpr heif_compression_format kCodecs[] = {heif_compression_HEVC, heif_compression_AV1};

ImageFormat format_of(heif_compression_format codec) { return codec == heif_compression_HEVC ? ImageFormat::kHeic : ImageFormat::kAvif; }

// Slow changes, which lossy coding keeps.
Bytes gradient(int width, int height, int channels) {
  Bytes pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) pixels.push_back(static_cast<std::uint8_t>(c % 2 == 0 ? 20 + 3 * x : 220 - 4 * y));
    }
  }
  return pixels;
}

// 0xN bytes before `name` lies its box's size.
std::size_t find_box(const Bytes& file, const char* name) {
  const auto at = std::search(file.begin(), file.end(), name, name + 4);
  REQUIRE(at != file.end());
  return static_cast<std::size_t>(at - file.begin());
}

TEST_CASE("HEIC and AVIF pictures of 8 and more bits, gray, colour and with alpha are decoded") {
  for (const auto codec : kCodecs) {
    for (const int bits : {8, 10}) {
      for (const int channels : {1, 3, 4}) {
        if (bits > 8 && channels != 3) continue;
        INFO(codec << ", " << bits << " bits, " << channels << " channels");
        const auto pixels = gradient(61, 47, channels);
        const Image image =
            decode_image(heif_file({.codec = codec, .width = 61, .height = 47, .channels = channels, .bits = bits}, pixels));
        CHECK(image.format == format_of(codec));
        CHECK(image.width == 61);
        CHECK(image.height == 47);
        REQUIRE(image.channels == (channels == 4 ? 4 : 3));
        CHECK_FALSE(image.indexed);
        int worst = 0;
        for (std::size_t i = 0; i < std::size_t{61} * 47; ++i) {
          for (std::size_t c = 0; c < static_cast<std::size_t>(image.channels); ++c) {
            const int expected = pixels[i * static_cast<std::size_t>(channels) + (channels == 1 ? 0 : c)];
            worst = std::max(worst, std::abs(expected - image.pixels[i * static_cast<std::size_t>(image.channels) + c]));
          }
        }
        CHECK(worst <= 16);  // the codecs are lossy
      }
    }
  }
}

TEST_CASE("HEIC and AVIF pictures are turned upright once, by their own rotation and mirror") {
  for (const auto codec : kCodecs) {
    for (int orientation = 1; orientation <= 8; ++orientation)
      check_upright(decode_image(heif_file({.codec = codec, .orientation = orientation}, corner_picture(64, 48))), orientation);
  }
}

TEST_CASE("HEIC and AVIF pictures over the limits are refused from their headers") {
  for (const auto codec : kCodecs) {
    auto file = heif_file({.codec = codec}, corner_picture(64, 48));
    CHECK(reason_of(file, {.pixels_max = 64 * 48 - 1}) == ImageError::Reason::kTooLarge);
    CHECK(reason_of(file, {.side_max = 63}) == ImageError::Reason::kTooLarge);
    CHECK(decode_image(file, {.pixels_max = 64 * 48, .side_max = 64}).width == 64);
    const std::uint8_t side[4] = {0, 0, 0xC3, 0x50};  // 50,000
    const auto size = find_box(file, "ispe") + 8;
    std::memcpy(file.data() + size, side, 4);
    std::memcpy(file.data() + size + 4, side, 4);
    CHECK(reason_of(file) == ImageError::Reason::kTooLarge);
  }
}

TEST_CASE("a HEIF file's brands tell what it is, and a video is refused by name") {
  auto file = heif_file({.codec = heif_compression_AV1}, corner_picture(64, 48));
  REQUIRE(std::memcmp(file.data() + 8, "avif", 4) == 0);
  std::memcpy(file.data() + 8, "mif1", 4);  // what it is stands in the compatible brands too
  CHECK(decode_image(file).format == ImageFormat::kAvif);
  std::memset(file.data() + 8, 'x', 24);
  CHECK(reason_of(file) == ImageError::Reason::kUnsupported);
}

TEST_CASE("HEIC and AVIF grids and identities are read as long as they decode no more than they show") {
  using namespace bombs;
  const Bytes heic = read_seed("heic");
  const HeifItem picture = {.type = "hvc1", .data = coded_picture(heic), .width = 64, .height = 64, .configuration = box_of(heic, "hvcC")};
  const Image one = decode_image(heif_of_items("heic", {picture}));
  const Image four = decode_image(heif_of_items("heic", {heif_grid(2, 2, 120, 100), picture}));
  REQUIRE(one.width == 64);
  REQUIRE(four.width == 120);
  REQUIRE(four.height == 100);
  for (std::size_t y = 0; y < 100; ++y) {
    for (std::size_t x = 0; x < 120; ++x) REQUIRE(four.pixels[(y * 120 + x) * 3] == one.pixels[(y % 64 * 64 + x % 64) * 3]);
  }
  const HeifItem identity = {.type = "iden", .width = 64, .height = 64, .made_of = {2}};
  CHECK((decode_image(heif_of_items("heic", {identity, picture})).pixels == Bytes(one.pixels.begin(), one.pixels.end())));
  CHECK(decode_image(heif_of_items("heic", {heif_grid(15, 15, 960, 960), picture})).width == 960);
  // 900 pieces of 64 x 64, all or next to none of which is to be seen.
  CHECK(reason_of(heif_of_items("heic", {heif_grid(30, 30, 1'920, 1'920), picture})) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(heif_of_items("heic", {heif_grid(30, 30, 64, 64), picture})) == ImageError::Reason::kTooLarge);
  HeifItem grid = heif_grid(16, 16, 64, 64);
  for (auto& cell : grid.made_of) cell = 3;
  CHECK(reason_of(heif_of_items("heic", {heif_grid(2, 2, 128, 128), grid, picture})) == ImageError::Reason::kTooLarge);
}

TEST_CASE("what is behind a HEIC or AVIF picture's alpha counts too, and what is behind a gain map does not") {
  using namespace bombs;
  const Bytes heic = read_seed("heic");
  const HeifItem picture = {.type = "hvc1", .data = coded_picture(heic), .width = 64, .height = 64, .configuration = box_of(heic, "hvcC")};
  HeifItem alpha = heif_grid(30, 30, 64, 64);
  for (auto& cell : alpha.made_of) cell = 3;
  alpha.alpha_of = 1;
  auto file = heif_of_items("heic", {picture, alpha, picture});
  CHECK(reason_of(file) == ImageError::Reason::kTooLarge);
  const std::string kind = "systems:auxiliary:alpha";
  const auto at = std::search(file.begin(), file.end(), kind.begin(), kind.end());
  REQUIRE(at != file.end());
  *(at + static_cast<std::ptrdiff_t>(kind.size()) - 1) = 'A';
  CHECK(decode_image(file).channels == 3);
}

TEST_CASE("HEIC and AVIF items that are made of themselves, of overlays or of many frames are refused") {
  using namespace bombs;
  const Bytes heic = read_seed("heic"), avif = read_seed("avif");
  const HeifItem identity = {.type = "iden", .width = 64, .height = 64, .made_of = {1}};
  CHECK(reason_of(heif_of_items("heic", {identity})) == ImageError::Reason::kCorrupt);
  HeifItem overlay = {.type = "iovl", .data = {0, 0}, .width = 64, .height = 64, .made_of = {2}};
  append(overlay.data, numbers({0, 0, 0, 0, 64, 64, 0, 0}, 2));
  const HeifItem picture = {.type = "hvc1", .data = coded_picture(heic), .width = 64, .height = 64, .configuration = box_of(heic, "hvcC")};
  CHECK(reason_of(heif_of_items("heic", {overlay, picture})) == ImageError::Reason::kUnsupported);
  HeifItem frames = {.type = "av01", .data = {}, .width = 48, .height = 32, .configuration = box_of(avif, "av1C")};
  const Bytes frame(avif.end() - 0x61, avif.end());
  append(frames.data, frame);
  CHECK(decode_image(heif_of_items("avif", {frames})).width == 48);
  for (int i = 0; i < 8; ++i) append(frames.data, frame);
  CHECK(reason_of(heif_of_items("avif", {frames})) == ImageError::Reason::kCorrupt);
}

TEST_CASE("a HEIC or AVIF file that is cut or damaged is refused or read, and never more") {
  for (const auto codec : kCodecs) {
    const auto file = heif_file({.codec = codec}, corner_picture(64, 48));
    // The decoders make do without the end of the last block.
    check_cuts_are_refused(file, find_box(file, "mdat"));
    check_damage_is_survived(file);
  }
}

}  // namespace
}  // namespace clipdex::tests
