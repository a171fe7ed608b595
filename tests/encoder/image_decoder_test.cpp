#include "encoder/image_decoder.h"

#include <spng.h>
#include <turbojpeg.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include "encoder/thumbnail.h"
#include "tests/encoder/pictures.h"

namespace {

using clipdex::encoder::decode_image;
using clipdex::encoder::Image;
using clipdex::encoder::ImageError;
using clipdex::encoder::ImageLimits;
using namespace clipdex::tests;

Bytes jpeg(int width, int height, int subsampling = TJSAMP_444, int flags = 0, int format = TJPF_RGB) {
  const auto handle = std::unique_ptr<void, int (*)(void*)>(::tjInitCompress(), ::tjDestroy);
  auto pixels = corner_picture(width, height);
  if (format == TJPF_CMYK) pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4, 200);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  REQUIRE(::tjCompress2(handle.get(), pixels.data(), width, 0, height, format, &data, &size, subsampling, 95, flags) == 0);
  Bytes bytes(data, data + size);
  ::tjFree(data);
  return bytes;
}

struct PngOptions {
  int width = 64, height = 48;
  std::uint8_t color_type = SPNG_COLOR_TYPE_TRUECOLOR, depth = 8, interlace = 0;
  Bytes exif;
};

Bytes png(const PngOptions& options, const Bytes& pixels) {
  const auto context = std::unique_ptr<spng_ctx, void (*)(spng_ctx*)>(::spng_ctx_new(SPNG_CTX_ENCODER), ::spng_ctx_free);
  ::spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{static_cast<std::uint32_t>(options.width),
                   static_cast<std::uint32_t>(options.height),
                   options.depth,
                   options.color_type,
                   0,
                   0,
                   options.interlace};
  REQUIRE(::spng_set_ihdr(context.get(), &header) == 0);
  if (options.color_type == SPNG_COLOR_TYPE_INDEXED) {
    spng_plte palette{};
    palette.n_entries = 2;
    palette.entries[0] = {10, 20, 30, 255};
    palette.entries[1] = {200, 100, 50, 255};
    REQUIRE(::spng_set_plte(context.get(), &palette) == 0);
  }
  Bytes exif_data = options.exif;
  if (!exif_data.empty()) {
    spng_exif exif{exif_data.size(), reinterpret_cast<char*>(exif_data.data())};
    REQUIRE(::spng_set_exif(context.get(), &exif) == 0);
  }
  REQUIRE(::spng_encode_image(context.get(), pixels.data(), pixels.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE) == 0);
  std::size_t size = 0;
  int error = 0;
  void* data = ::spng_get_png_buffer(context.get(), &size, &error);
  REQUIRE(data != nullptr);
  Bytes bytes(static_cast<std::uint8_t*>(data), static_cast<std::uint8_t*>(data) + size);
  std::free(data);
  return bytes;
}

Bytes with_exif(const Bytes& file, const Bytes& tiff) {
  Bytes segment = {0xFF, 0xE1, 0, static_cast<std::uint8_t>(tiff.size() + 8), 'E', 'x', 'i', 'f', 0, 0};
  segment.insert(segment.end(), tiff.begin(), tiff.end());
  Bytes out(file.begin(), file.begin() + 2);
  out.insert(out.end(), segment.begin(), segment.end());
  out.insert(out.end(), file.begin() + 2, file.end());
  return out;
}

// Before the first segment with this marker.
Bytes with_stray_bytes(Bytes file, std::uint8_t marker) {
  const std::uint8_t wanted[] = {0xFF, marker};
  const auto at = std::search(file.begin(), file.end(), std::begin(wanted), std::end(wanted));
  REQUIRE(at != file.end());
  file.insert(at, {1, 2, 3});
  return file;
}

constexpr std::uint8_t kAdobeMarker[] = {0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e'};

}  // namespace

TEST_CASE("JPEGs of every usual kind are decoded") {
  for (const int subsampling : {TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440}) {
    for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
      const Image image = decode_image(jpeg(64, 48, subsampling, flags));
      CHECK(image.width == 64);
      CHECK(image.height == 48);
      CHECK(image.channels == 3);
      CHECK(white_corner(image) == 0);
      CHECK(image.pixels[(40 * 64 + 60) * 3] < 40);       // no red on the right
      CHECK(image.pixels[(40 * 64 + 60) * 3 + 2] > 200);  // but blue
    }
  }
  CHECK(decode_image(jpeg(64, 48, TJSAMP_GRAY)).channels == 1);
  const Image cmyk = decode_image(jpeg(64, 48, TJSAMP_444, 0, TJPF_CMYK));
  CHECK(cmyk.channels == 3);
  CHECK(cmyk.pixels.size() == 64 * 48 * 3);
}

TEST_CASE("PNGs of every mode keep their channels, and palettes are marked") {
  const auto samples = [](std::size_t count, std::uint8_t value) { return Bytes(count, value); };
  PngOptions options;
  CHECK(white_corner(decode_image(png(options, corner_picture(64, 48)))) == 0);
  options.interlace = 1;
  CHECK(white_corner(decode_image(png(options, corner_picture(64, 48)))) == 0);
  options = {.color_type = SPNG_COLOR_TYPE_GRAYSCALE};
  CHECK(decode_image(png(options, samples(64 * 48, 7))).channels == 1);
  options = {.color_type = SPNG_COLOR_TYPE_GRAYSCALE_ALPHA};
  CHECK(decode_image(png(options, samples(64 * 48 * 2, 7))).channels == 2);
  options = {.color_type = SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
  CHECK(decode_image(png(options, samples(64 * 48 * 4, 7))).channels == 4);
  options = {.color_type = SPNG_COLOR_TYPE_INDEXED};
  const Image palette = decode_image(png(options, samples(64 * 48, 1)));
  CHECK(palette.indexed);
  CHECK(palette.channels == 3);
  CHECK(palette.pixels[0] == 200);
  CHECK(palette.pixels[2] == 50);
  options = {.color_type = SPNG_COLOR_TYPE_GRAYSCALE, .depth = 1};
  const Image bits = decode_image(png(options, samples(8 * 48, 0xF0)));
  CHECK(bits.indexed);
  CHECK(bits.pixels[0] == 255);
  CHECK(bits.pixels[4] == 0);
}

TEST_CASE("16-bit samples are narrowed as Pillow narrows them") {
  const auto sixteen = [](std::size_t count, std::uint16_t value) {
    Bytes bytes(count * 2);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(bytes.data() + 2 * i, &value, 2);
    return bytes;
  };
  PngOptions options{.depth = 16};
  CHECK(decode_image(png(options, sixteen(64 * 48 * 3, 0x12FF))).pixels[0] == 0x12);
  options.color_type = SPNG_COLOR_TYPE_GRAYSCALE;
  CHECK(decode_image(png(options, sixteen(64 * 48, 0x12FF))).pixels[0] == 255);
  CHECK(decode_image(png(options, sixteen(64 * 48, 77))).pixels[0] == 77);
}

TEST_CASE("EXIF orientation turns a picture upright, in JPEG and PNG and in both byte orders") {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      const auto tiff = exif_structure(orientation, big_endian);
      PngOptions options;
      options.exif = tiff;
      for (const auto& file : {with_exif(jpeg(64, 48), tiff), png(options, corner_picture(64, 48))}) {
        check_upright(decode_image(file), orientation);
      }
    }
  }
}

TEST_CASE("damaged EXIF is ignored") {
  const auto tiff = exif_structure(6, true);
  for (std::size_t size = 0; size < tiff.size(); ++size) {
    CHECK(decode_image(with_exif(jpeg(64, 48), Bytes(tiff.begin(), tiff.begin() + static_cast<std::ptrdiff_t>(size)))).pixels.size() ==
          64 * 48 * 3);
  }
  auto far = tiff;
  far[4] = 0xFF;  // the directory lies outside
  CHECK(decode_image(with_exif(jpeg(64, 48), far)).width == 64);
}

TEST_CASE("an orientation is taken from the integer types that Pillow takes it from, and of two the last") {
  const auto orientation_of_type = [](std::uint8_t type) {
    auto tiff = exif_structure(6);
    tiff[12] = type;
    return decode_image(with_exif(jpeg(64, 48), tiff)).width == 48 ? 6 : 1;
  };
  for (const int type : {3, 4, 6, 8, 9, 13}) CHECK(orientation_of_type(static_cast<std::uint8_t>(type)) == 6);
  for (const int type : {1, 2, 5, 7, 11}) CHECK(orientation_of_type(static_cast<std::uint8_t>(type)) == 1);  // BYTE is a string to Pillow
  auto wide = exif_structure(6, true);  // big-endian, where a LONG's value lies elsewhere than a SHORT's
  wide[13] = 4;
  std::swap(wide[19], wide[21]);
  CHECK(decode_image(with_exif(jpeg(64, 48), wide)).width == 48);
  auto two = exif_structure(6);
  two[8] = 2;
  const Bytes second = {0x12, 1, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0};
  two.insert(two.begin() + 22, second.begin(), second.end());
  check_upright(decode_image(with_exif(jpeg(64, 48), two)), 3);
}

TEST_CASE("what is no picture is refused and named if it is recognised") {
  const auto refused = [](const std::string& bytes, const std::string& message) {
    CHECK_THROWS_MATCHES(decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}), ImageError,
                         Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring(message)));
  };
  refused("", "empty");
  refused("hello, world", "not a JPEG, PNG, ");
  refused("GIF89a......", "GIF");
  refused("RIFF....WEBPVP8 ", "WebP");
  refused(std::string("\0\0\0\x10"
                      "ftypheic....",
                      16),
          "HEIC");
  refused("....ftypisom....", "video");
  refused("%PDF-1.7", "PDF");
  refused("<html>", "web page");
  CHECK(reason_of({'x'}) == ImageError::Reason::kUnsupported);
}

TEST_CASE("a picture cut anywhere is refused as damaged") {
  for (const auto& file :
       {jpeg(200, 150), jpeg(200, 150, TJSAMP_420, TJFLAG_PROGRESSIVE), png({.width = 200, .height = 150}, corner_picture(200, 150))}) {
    for (int tenth = 1; tenth < 10; ++tenth) {
      const auto size = file.size() * static_cast<std::size_t>(tenth) / 10;
      INFO(size << " of " << file.size() << ", first byte " << int{file[0]});
      CHECK(reason_of(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))) == ImageError::Reason::kCorrupt);
    }
  }
}

TEST_CASE("sizes over the limits are refused from the header alone") {
  auto bomb = png({}, corner_picture(64, 48));
  const std::uint8_t side[4] = {0, 0, 0xC3, 0x50};  // 50,000
  std::memcpy(bomb.data() + 16, side, 4);
  std::memcpy(bomb.data() + 20, side, 4);
  // The header's own checksum, over its type and content.
  std::uint32_t crc = 0xFFFFFFFF;
  for (std::size_t i = 12; i < 29; ++i) {
    crc ^= bomb[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  crc = ~crc;
  for (std::size_t i = 0; i < 4; ++i) bomb[29 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  CHECK(reason_of(bomb) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(jpeg(64, 48), {.pixels_max = 64 * 48 - 1}) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(jpeg(64, 48), {.side_max = 63}) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(jpeg(64, 48), {.bytes_max = 100}) == ImageError::Reason::kTooLarge);
  CHECK(decode_image(jpeg(64, 48), {.pixels_max = 64 * 48, .side_max = 64}).width == 64);
}

TEST_CASE("flipped bits give a picture or an error and never more") {
  std::mt19937 random(11);
  int refused = 0;
  for (const auto& file : {jpeg(64, 48), jpeg(64, 48, TJSAMP_420, TJFLAG_PROGRESSIVE), png({.interlace = 1}, corner_picture(64, 48))}) {
    for (int round = 0; round < 400; ++round) {
      auto damaged = file;
      for (int flips = 0; flips < 3; ++flips) damaged[random() % damaged.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
      try {
        const Image image = decode_image(damaged, {.pixels_max = 1'000'000});
        REQUIRE(image.pixels.size() ==
                static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.channels));
      } catch (const ImageError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a thumbnail is a JPEG of at most the asked size with alpha laid on white") {
  Image image{
      .width = 600, .height = 300, .channels = 4, .indexed = false, .format = {}, .pixels = clipdex::encoder::Pixels(600 * 300 * 4, 0)};
  const auto file = clipdex::encoder::make_thumbnail(image, {.side_max = 100});
  const Image small = decode_image({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
  CHECK(small.width == 100);
  CHECK(small.height == 50);
  CHECK(is_white(small, 50, 25));
  const auto same =
      clipdex::encoder::make_thumbnail(Image{.width = 3, .height = 1, .channels = 1, .indexed = true, .format = {}, .pixels = {0, 0, 0}});
  CHECK(decode_image({reinterpret_cast<const std::uint8_t*>(same.data()), same.size()}).width == 3);
}

TEST_CASE("stray bytes between a JPEG's segments, as cameras leave them, do no harm") {
  const auto file = jpeg(64, 48);
  for (const std::uint8_t marker : {0xC0, 0xDA, 0xD9}) {  // frame, scan, end of image
    INFO("before the marker " << int{marker});
    CHECK(white_corner(decode_image(with_stray_bytes(file, marker))) == 0);
  }
}

TEST_CASE("a JPEG's orientation is found behind stray bytes and markers that nothing belongs to") {
  const auto file = with_exif(jpeg(64, 48), exif_structure(6));
  const auto other = Bytes{0xFF, 0xFE, 0, 4, 'h', 'i'};  // a comment, because a JPEG begins with a segment
  for (const Bytes& stray : {Bytes{}, Bytes{1, 2, 3}, Bytes{0xFF, 0}, Bytes{0xFF, 0xFF}, Bytes{0xFF, 0xD3}, Bytes{7, 0xFF, 1}}) {
    Bytes found(file.begin(), file.begin() + 2);
    for (const auto& part : {other, stray, Bytes(file.begin() + 2, file.end())}) found.insert(found.end(), part.begin(), part.end());
    INFO("stray bytes: " << stray.size());
    check_upright(decode_image(found), 6);
  }
}

TEST_CASE("a JPEG with stray bytes is refused all the same where it is cut") {
  for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
    const auto file = with_stray_bytes(jpeg(200, 150, TJSAMP_420, flags), 0xDA);
    CHECK(decode_image(file).width == 200);
    for (int tenth = 5; tenth < 10; ++tenth) {
      const auto size = file.size() * static_cast<std::size_t>(tenth) / 10;
      CHECK(reason_of(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))) == ImageError::Reason::kCorrupt);
    }
    CHECK(reason_of(Bytes(file.begin(), file.end() - 2)) == ImageError::Reason::kCorrupt);
  }
}

TEST_CASE("a JPEG of an unknown JFIF revision is read") {
  auto file = jpeg(64, 48);
  REQUIRE(std::memcmp(file.data() + 6, "JFIF", 4) == 0);
  file[11] = 2;
  CHECK(white_corner(decode_image(file)) == 0);
}

TEST_CASE("CMYK is read with Adobe's polarity, with and without its marker, and with subsampled inks") {
  // Written by Pillow 13: 32 x 32, cyan ink on the left and black on the right, 4:2:0 (which TurboJPEG does not write for CMYK).
  std::ifstream stream(std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/data/cmyk_subsampled.jpg", std::ios::binary);
  const Bytes file{std::istreambuf_iterator<char>(stream), {}};
  const auto marker = std::search(file.begin(), file.end(), std::begin(kAdobeMarker), std::end(kAdobeMarker));
  REQUIRE(marker != file.end());
  Bytes without_marker(file.begin(), marker);
  without_marker.insert(without_marker.end(), marker + 16, file.end());
  for (const auto& bytes : {file, without_marker}) {
    const Image image = decode_image(bytes);
    const auto at = [&](int x) { return Bytes(image.pixels.begin() + (16 * 32 + x) * 3, image.pixels.begin() + (16 * 32 + x) * 3 + 3); };
    CHECK(at(4) == Bytes{0, 255, 255});
    CHECK(at(28) == Bytes{0, 0, 0});
  }
}
