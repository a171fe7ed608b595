#include <spng.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <memory>

#include "encoder/image_decoder.h"
#include "tests/encoder/pictures.h"

namespace clipdex::tests {
namespace {

using encoder::decode_image;
using encoder::Image;
using encoder::ImageError;

constexpr std::size_t kWidth = 29, kHeight = 19;

struct Kind {
  std::uint8_t color_type, depth;
  int samples;  // a pixel
};

constexpr std::array<Kind, 15> kKinds = {{{SPNG_COLOR_TYPE_GRAYSCALE, 1, 1},
                                          {SPNG_COLOR_TYPE_GRAYSCALE, 2, 1},
                                          {SPNG_COLOR_TYPE_GRAYSCALE, 4, 1},
                                          {SPNG_COLOR_TYPE_GRAYSCALE, 8, 1},
                                          {SPNG_COLOR_TYPE_GRAYSCALE, 16, 1},
                                          {SPNG_COLOR_TYPE_INDEXED, 1, 1},
                                          {SPNG_COLOR_TYPE_INDEXED, 2, 1},
                                          {SPNG_COLOR_TYPE_INDEXED, 4, 1},
                                          {SPNG_COLOR_TYPE_INDEXED, 8, 1},
                                          {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 8, 2},
                                          {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 16, 2},
                                          {SPNG_COLOR_TYPE_TRUECOLOR, 8, 3},
                                          {SPNG_COLOR_TYPE_TRUECOLOR, 16, 3},
                                          {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8, 4},
                                          {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 16, 4}}};

std::array<std::uint8_t, 3> palette_color(int index) {
  return {static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(255 - index), static_cast<std::uint8_t>(7 * index)};
}

std::size_t row_bytes(const Kind& kind) { return (kWidth * static_cast<std::size_t>(kind.samples) * kind.depth + 7) / 8; }

// rows: as the format packs them. With a tRNS chunk if `transparency`.
Bytes png(const Kind& kind, const Bytes& rows, bool interlaced, bool transparency) {
  const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> writer(::spng_ctx_new(SPNG_CTX_ENCODER), ::spng_ctx_free);
  ::spng_set_option(writer.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{kWidth, kHeight, kind.depth, kind.color_type, 0, 0, static_cast<std::uint8_t>(interlaced ? 1 : 0)};
  REQUIRE(::spng_set_ihdr(writer.get(), &header) == 0);
  const bool indexed = kind.color_type == SPNG_COLOR_TYPE_INDEXED;
  if (indexed) {
    spng_plte palette{};
    palette.n_entries = 1U << kind.depth;
    for (std::uint32_t i = 0; i < palette.n_entries; ++i) {
      const auto [red, green, blue] = palette_color(static_cast<int>(i));
      palette.entries[i] = {red, green, blue, 255};
    }
    REQUIRE(::spng_set_plte(writer.get(), &palette) == 0);
  }
  if (transparency) {
    spng_trns trns{};  // colour 0, or the first two entries of a palette
    if (indexed) trns.n_type3_entries = 2;
    REQUIRE(::spng_set_trns(writer.get(), &trns) == 0);
  }
  REQUIRE(::spng_encode_image(writer.get(), rows.data(), rows.size(), SPNG_FMT_RAW, SPNG_ENCODE_FINALIZE) == 0);
  std::size_t size = 0;
  int error = 0;
  const std::unique_ptr<void, void (*)(void*)> data(::spng_get_png_buffer(writer.get(), &size, &error), std::free);
  REQUIRE(data);
  const auto* bytes = static_cast<const std::uint8_t*>(data.get());
  return {bytes, bytes + size};
}

// What Pillow makes of the samples: see encoder/png.h.
Bytes expected(const Kind& kind, const Bytes& rows) {
  Bytes pixels;
  for (std::size_t y = 0; y < kHeight; ++y) {
    for (std::size_t i = 0; i < kWidth * static_cast<std::size_t>(kind.samples); ++i) {
      const auto* row = rows.data() + y * row_bytes(kind);
      if (kind.depth == 16) {
        const int value = row[2 * i] << 8 | row[2 * i + 1];
        pixels.push_back(static_cast<std::uint8_t>(kind.samples == 1 ? std::min(value, 255) : value >> 8));
        continue;
      }
      const std::size_t bit = i * kind.depth;
      const int largest = (1 << kind.depth) - 1, value = row[bit / 8] >> (8 - kind.depth - static_cast<int>(bit % 8)) & largest;
      if (kind.color_type == SPNG_COLOR_TYPE_INDEXED) {
        for (const auto sample : palette_color(value)) pixels.push_back(sample);
      } else {
        pixels.push_back(static_cast<std::uint8_t>(value * 255 / largest));
      }
    }
  }
  return pixels;
}

TEST_CASE("PNG pictures of every depth and colour type come back sample for sample, interlaced and transparent ones too") {
  for (const auto& kind : kKinds) {
    for (const bool interlaced : {false, true}) {
      for (const bool transparency : {false, true}) {
        if (transparency && (kind.samples == 2 || kind.samples == 4)) continue;  // they have alpha of their own
        INFO("type " << int{kind.color_type} << ", " << int{kind.depth} << " bits, interlaced " << interlaced << ", tRNS " << transparency);
        const auto rows = varied_samples(row_bytes(kind) * kHeight);
        const Image image = decode_image(png(kind, rows, interlaced, transparency));
        const bool indexed = kind.color_type == SPNG_COLOR_TYPE_INDEXED;
        CHECK(image.format == encoder::ImageFormat::kPng);
        CHECK(image.width == int{kWidth});
        CHECK(image.height == int{kHeight});
        CHECK(image.channels == (indexed ? 3 : kind.samples));
        CHECK(image.indexed == (indexed || kind.depth == 1));
        CHECK(image.pixels == expected(kind, rows));
      }
    }
  }
}

TEST_CASE("a PNG file that is cut or damaged is refused or read, and never more") {
  for (const bool interlaced : {false, true}) {
    const Kind& kind = kKinds[8];
    const auto file = png(kind, varied_samples(row_bytes(kind) * kHeight), interlaced, true);
    check_cuts_are_refused(file, file.size() - 16);  // the end of the last chunk and IEND are not missed
    check_damage_is_survived(file);
  }
}

}  // namespace
}  // namespace clipdex::tests
