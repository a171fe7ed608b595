#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>

#include "encoder/image_decoder.h"
#include "tests/encoder/pictures.h"
#include "tests/encoder/tiff_bombs.h"
#include "tests/encoder/tiff_files.h"

namespace clipdex::tests {
namespace {

using encoder::decode_image;
using encoder::Image;
using encoder::ImageError;

TEST_CASE("TIFF pictures of 8 bits come back sample for sample: strips, tiles, planes, either byte order, BigTIFF") {
  struct Kind {
    std::uint16_t samples, photometric;
    int extra, channels;
  };
  for (const auto& kind :
       {Kind{1, PHOTOMETRIC_MINISBLACK, -1, 1}, Kind{2, PHOTOMETRIC_MINISBLACK, EXTRASAMPLE_UNASSALPHA, 2}, Kind{3, PHOTOMETRIC_RGB, -1, 3},
        Kind{4, PHOTOMETRIC_RGB, EXTRASAMPLE_UNASSALPHA, 4}, Kind{4, PHOTOMETRIC_RGB, EXTRASAMPLE_UNSPECIFIED, 3}}) {
    for (const bool separate : {false, true}) {
      for (const bool tiled : {false, true}) {
        for (const auto* mode : {"wl", "wb", "w8"}) {
          for (const std::uint16_t compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS}) {
            INFO(kind.samples << " samples, extra " << kind.extra << ", separate " << separate << ", tiled " << tiled << ", " << mode
                              << ", " << compression);
            const auto samples = varied_samples(std::size_t{37} * 23 * kind.samples);
            const Image image = decode_image(tiff_file({.samples = kind.samples,
                                                        .photometric = kind.photometric,
                                                        .compression = compression,
                                                        .separate = separate,
                                                        .tiled = tiled,
                                                        .extra = kind.extra,
                                                        .mode = mode},
                                                       samples));
            Bytes expected;
            for (std::size_t i = 0; i < samples.size(); ++i) {
              if (static_cast<int>(i % kind.samples) < kind.channels) expected.push_back(samples[i]);
            }
            REQUIRE(image.channels == kind.channels);
            CHECK(image.format == encoder::ImageFormat::kTiff);
            CHECK_FALSE(image.indexed);
            CHECK(image.pixels == expected);
          }
        }
      }
    }
  }
}

TEST_CASE("TIFF samples of 1, 2 and 4 bits are stretched to 8, white or black first") {
  for (const std::uint16_t bits : {1, 2, 4}) {
    for (const std::uint16_t photometric : {PHOTOMETRIC_MINISWHITE, PHOTOMETRIC_MINISBLACK}) {
      const std::size_t row = (37U * bits + 7) / 8;
      const auto samples = varied_samples(row * 23);
      const Image image = decode_image(tiff_file({.bits = bits, .samples = 1, .photometric = photometric}, samples));
      CHECK(image.channels == 1);
      CHECK(image.indexed == (bits == 1));
      for (std::size_t y = 0; y < 23; ++y) {
        for (std::size_t x = 0; x < 37; ++x) {
          const int largest = (1 << bits) - 1;
          const int stored = samples[y * row + x * bits / 8] >> (8 - bits - static_cast<int>(x * bits % 8)) & largest;
          REQUIRE(int{image.pixels[y * 37 + x]} == (photometric == PHOTOMETRIC_MINISWHITE ? largest - stored : stored) * 255 / largest);
        }
      }
    }
  }
}

TEST_CASE("TIFF pictures with a palette become RGB and are marked") {
  const auto samples = varied_samples(37 * 23);
  const Image image = decode_image(tiff_file({.samples = 1, .photometric = PHOTOMETRIC_PALETTE}, samples));
  CHECK(image.indexed);
  REQUIRE(image.channels == 3);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    REQUIRE(image.pixels[3 * i] == samples[i]);
    REQUIRE(image.pixels[3 * i + 1] == 255 - samples[i]);
    REQUIRE(image.pixels[3 * i + 2] == static_cast<std::uint8_t>(samples[i] * 7));
  }
}

TEST_CASE("TIFF samples of 16 bits are narrowed as Pillow narrows them") {
  const auto sixteen = [](std::size_t count, std::uint16_t value) {
    Bytes bytes(count * 2);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(bytes.data() + 2 * i, &value, 2);
    return bytes;
  };
  for (const auto* mode : {"wl", "wb"}) {
    CHECK(decode_image(tiff_file({.bits = 16, .mode = mode}, sixteen(37 * 23 * 3, 0x12FF))).pixels == Bytes(37 * 23 * 3, 0x12));
    const TiffOptions gray{.bits = 16, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .mode = mode};
    CHECK(decode_image(tiff_file(gray, sixteen(37 * 23, 0x12FF))).pixels == Bytes(37 * 23, 255));
    CHECK(decode_image(tiff_file(gray, sixteen(37 * 23, 77))).pixels == Bytes(37 * 23, 77));
  }
}

TEST_CASE("TIFF inks become RGB, and premultiplied colours straight") {
  Bytes inks;
  for (int i = 0; i < 37 * 23; ++i) {
    for (const int ink : {255, 0, 0, 0}) inks.push_back(static_cast<std::uint8_t>(ink));
  }
  const Image cyan = decode_image(tiff_file({.samples = 4, .photometric = PHOTOMETRIC_SEPARATED}, inks));
  REQUIRE(cyan.channels == 3);
  CHECK(Bytes(cyan.pixels.begin(), cyan.pixels.begin() + 3) == Bytes{0, 255, 255});
  Bytes premultiplied;
  for (int i = 0; i < 37 * 23; ++i) {
    for (const int sample : {100, 50, 0, 128}) premultiplied.push_back(static_cast<std::uint8_t>(sample));
  }
  const Image straight = decode_image(tiff_file({.samples = 4, .extra = EXTRASAMPLE_ASSOCALPHA}, premultiplied));
  CHECK(Bytes(straight.pixels.begin(), straight.pixels.begin() + 4) == Bytes{199, 99, 0, 128});  // 255 * c / 128
}

TEST_CASE("TIFF pictures in JPEG compression are read") {
  TiffWriter writer("w");
  set_tiff_header(writer.get(), {.width = 64, .height = 48, .photometric = PHOTOMETRIC_YCBCR, .compression = COMPRESSION_JPEG});
  ::TIFFSetField(writer.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  ::TIFFSetField(writer.get(), TIFFTAG_ROWSPERSTRIP, 16);
  auto pixels = corner_picture(64, 48);
  for (std::uint32_t y = 0; y < 48; ++y) REQUIRE(::TIFFWriteScanline(writer.get(), pixels.data() + y * 64 * 3, y, 0) == 1);
  const Image image = decode_image(writer.finish());
  CHECK(image.channels == 3);
  CHECK(white_corner(image) == 0);
  CHECK(image.pixels[(40 * 64 + 60) * 3] < 40);
}

TEST_CASE("a TIFF picture in one large tile is read, sample for sample") {
  constexpr std::uint32_t kSide = 1'760;  // RGB of 9.3 MB, over what is read at once
  const auto samples = varied_samples(std::size_t{kSide} * kSide * 3);
  for (const std::uint16_t compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS}) {
    for (const int predictor : {PREDICTOR_NONE, PREDICTOR_HORIZONTAL}) {
      const bool predicted = predictor != PREDICTOR_NONE;
      if (predicted && compression != COMPRESSION_LZW && compression != COMPRESSION_ADOBE_DEFLATE) continue;
      INFO("compression " << compression << ", predicted " << predicted);
      TiffWriter writer("w");
      set_tiff_header(writer.get(), {.width = kSide, .height = kSide, .compression = compression, .tiled = true});
      ::TIFFSetField(writer.get(), TIFFTAG_TILEWIDTH, kSide);
      ::TIFFSetField(writer.get(), TIFFTAG_TILELENGTH, kSide);
      if (predicted) ::TIFFSetField(writer.get(), TIFFTAG_PREDICTOR, predictor);
      Bytes tile = samples;  // which libtiff changes
      REQUIRE(::TIFFWriteTile(writer.get(), tile.data(), 0, 0, 0, 0) > 0);
      CHECK((decode_image(writer.finish()).pixels == samples));
    }
  }
}

TEST_CASE("a TIFF file in PackBits, Deflate or LZW of one colour, packed as far as it goes, is read") {
  const Bytes black(std::size_t{2'000} * 2'000, 0);
  for (const std::uint16_t compression : {COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_LZW, COMPRESSION_CCITTFAX4}) {
    for (const bool tiled : {false, true}) {
      TiffWriter writer("w");
      const auto bits = static_cast<std::uint16_t>(compression == COMPRESSION_CCITTFAX4 ? 1 : 8);
      set_tiff_header(
          writer.get(),
          {.width = 2'000, .height = 2'000, .bits = bits, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .compression = compression});
      auto data = black;
      if (tiled) {
        ::TIFFUnsetField(writer.get(), TIFFTAG_ROWSPERSTRIP);
        ::TIFFSetField(writer.get(), TIFFTAG_TILEWIDTH, 2'000);
        ::TIFFSetField(writer.get(), TIFFTAG_TILELENGTH, 2'000);
        REQUIRE(::TIFFWriteTile(writer.get(), data.data(), 0, 0, 0, 0) > 0);
      } else {
        ::TIFFSetField(writer.get(), TIFFTAG_ROWSPERSTRIP, 2'000);
        for (std::uint32_t y = 0; y < 2'000; ++y) REQUIRE(::TIFFWriteScanline(writer.get(), data.data(), y, 0) == 1);
      }
      INFO("compression " << compression << ", tiled " << tiled);
      CHECK((decode_image(writer.finish()).pixels == black));
    }
  }
}

TEST_CASE("TIFF files whose strips or tiles promise more than they store, or cost more than they show, are refused") {
  using namespace bombs;
  constexpr std::uint16_t kDeflate = 8, kJpeg = 7;
  CHECK(reason_of(tiff_of_one_tile()) == ImageError::Reason::kCorrupt);
  CHECK(reason_of(tiff_of_ycbcr()) == ImageError::Reason::kCorrupt);
  // 100 pieces that are the same tile may be, but not ones of a megabyte each.
  const Bytes tile = deflated_zeros(256);
  CHECK(decode_image(tiff_of_shared_data(160, kDeflate, true, 16, 100, tile)).width == 160);
  Bytes padded = tile;
  padded.resize(1'000'000);
  CHECK(reason_of(tiff_of_shared_data(160, kDeflate, true, 16, 100, padded)) == ImageError::Reason::kTooLarge);
  CHECK(decode_image(tiff_of_shared_data(160, kJpeg, true, 16, 100, jpeg_of_pixels(16, false))).width == 160);
  for (const Bytes& jpeg : {jpeg_of_pixels(16, true), jpeg_of_scans(16, 2)}) {
    CHECK_THROWS_MATCHES(decode_image(tiff_of_shared_data(160, kJpeg, true, 16, 100, jpeg)), ImageError,
                         Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring("progressive")));
  }
  // Tiles that reach beyond the picture are usual, but not 70 MB of them for one row.
  CHECK(decode_image(tiff_of_shared_data(100, kDeflate, true, 1'024, 1, deflated_zeros(1'024 * 1'024))).width == 100);
  CHECK(reason_of(tiff_of_shared_data(100, kDeflate, true, 8'192, 1, deflated_zeros(8'192 * 8'192))) == ImageError::Reason::kTooLarge);
}

TEST_CASE("a TIFF picture is turned upright by its orientation tag") {
  for (std::uint16_t orientation = 1; orientation <= 8; ++orientation) {
    for (const bool tiled : {false, true})
      check_upright(
          decode_image(tiff_file({.width = 64, .height = 48, .tiled = tiled, .orientation = orientation}, corner_picture(64, 48))),
          orientation);
  }
}

TEST_CASE("kinds of TIFF files that are not read are refused by name") {
  const auto refused = [](const TiffOptions& options, const std::string& name) {
    TiffWriter writer("w");
    set_tiff_header(writer.get(), options);
    if (options.bits == 32) ::TIFFSetField(writer.get(), TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    Bytes row(std::size_t{options.width} * options.samples * 4);
    for (std::uint32_t y = 0; y < options.height; ++y) REQUIRE(::TIFFWriteScanline(writer.get(), row.data(), y, 0) == 1);
    CHECK_THROWS_MATCHES(decode_image(writer.finish()), ImageError,
                         Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring(name)));
  };
  refused({.compression = COMPRESSION_LZMA}, "LZMA");
  refused({.compression = COMPRESSION_ZSTD}, "ZSTD");
  refused({.bits = 32, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK}, "floating-point");
  refused({.photometric = PHOTOMETRIC_CIELAB}, "colours");
}

TEST_CASE("TIFF pictures over the limits are refused from their header") {
  const auto file = tiff_file({}, varied_samples(37 * 23 * 3));
  CHECK(reason_of(file, {.pixels_max = 37 * 23 - 1}) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(file, {.side_max = 36}) == ImageError::Reason::kTooLarge);
}

TEST_CASE("a TIFF file that is cut or damaged is refused or read, and never more") {
  for (const bool tiled : {false, true}) {
    // libtiff writes the directory last: without its end there is no picture.
    const auto file = tiff_file({.tiled = tiled}, varied_samples(37 * 23 * 3));
    check_cuts_are_refused(file, file.size() - 200);
    check_damage_is_survived(file);
  }
}

}  // namespace
}  // namespace clipdex::tests
