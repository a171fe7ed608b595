// Pictures for the decoders' tests, and what is asked of every decoder.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "encoder/image_decoder.h"

namespace clipdex::encoder {

inline bool operator==(const Pixels& ours, const std::vector<std::uint8_t>& expected) { return std::ranges::equal(ours, expected); }

}  // namespace clipdex::encoder

namespace clipdex::tests {

using Bytes = std::vector<std::uint8_t>;

// [height, width, 3]: red on the left half, blue on the right one; a white square at the top left tells which way up it is.
inline Bytes corner_picture(int width, int height) {
  Bytes pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool corner = x < 16 && y < 16;
      const bool left = x < width / 2;
      for (const int value : {corner || left ? 255 : 0, corner ? 255 : 0, corner || !left ? 255 : 0})
        pixels.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return pixels;
}

// Samples of no pattern that a decoder could get right by chance.
inline Bytes varied_samples(std::size_t count) {
  Bytes samples(count);
  std::uint32_t state = 1;
  for (auto& sample : samples) {
    state = state * 1664525 + 1013904223;  // Numerical Recipes' generator
    sample = static_cast<std::uint8_t>(state >> 24);
  }
  return samples;
}

// A TIFF structure with the one tag, in either byte order.
inline Bytes exif_structure(int orientation, bool big_endian = false) {
  const auto value = static_cast<std::uint8_t>(orientation);
  return big_endian ? Bytes{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0}
                    : Bytes{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0};
}

inline bool is_white(const encoder::Image& image, int x, int y) {
  const auto* pixel = image.pixels.data() + (y * image.width + x) * image.channels;
  return pixel[0] > 200 && pixel[1] > 200 && pixel[2] > 200;
}

// Where the white corner is: 0 top left, 1 top right, 2 bottom right, 3 bottom left.
inline int white_corner(const encoder::Image& image) {
  const int right = image.width - 5, bottom = image.height - 5;
  if (is_white(image, 4, 4)) return 0;
  if (is_white(image, right, 4)) return 1;
  if (is_white(image, right, bottom)) return 2;
  return is_white(image, 4, bottom) ? 3 : -1;
}

// Where the stored picture's top left corner belongs in the upright one, by orientation (TIFF 6.0, Orientation).
inline constexpr int kUprightCorner[9] = {0, 0, 1, 2, 3, 0, 1, 2, 3};

// Of a corner_picture of 64 x 48 that is stored with an orientation.
inline void check_upright(const encoder::Image& image, int orientation) {
  INFO("orientation " << orientation);
  CHECK(image.width == (orientation >= 5 ? 48 : 64));
  CHECK(image.height == (orientation >= 5 ? 64 : 48));
  CHECK(white_corner(image) == kUprightCorner[orientation]);
}

inline encoder::ImageError::Reason reason_of(const Bytes& bytes, const encoder::ImageLimits& limits = {}) {
  try {
    encoder::decode_image(bytes, limits);
  } catch (const encoder::ImageError& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).size() > 10);
    return error.reason();
  }
  FAIL("the picture was accepted");
  throw std::logic_error("unreachable");
}

// A file cut after any number of bytes before `needed` is refused: as damaged, or in its first bytes as nothing known.
inline void check_cuts_are_refused(const Bytes& file, std::size_t needed) {
  for (std::size_t size = 0; size < needed; size += size < 64 ? 1 : 7) {
    INFO(size << " of " << file.size() << " bytes");
    const auto reason = reason_of(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK((reason == encoder::ImageError::Reason::kCorrupt || (size < 32 && reason == encoder::ImageError::Reason::kUnsupported)));
  }
}

// Whatever happens to a byte, the answer is a whole picture or an ImageError.
inline void check_damage_is_survived(const Bytes& file) {
  std::uint32_t state = 7;
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = file;
    for (int flips = 0; flips < 3; ++flips) {
      state = state * 1664525 + 1013904223;
      damaged[(state >> 8) % damaged.size()] ^= static_cast<std::uint8_t>(1U << (state >> 5) % 8);
    }
    try {
      const auto image = encoder::decode_image(damaged, {.pixels_max = 1'000'000});
      REQUIRE(image.pixels.size() ==
              static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.channels));
    } catch (const encoder::ImageError&) {
      // Refused, which most damage deserves.
    }
  }
}

}  // namespace clipdex::tests
