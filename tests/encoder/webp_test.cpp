#include <webp/encode.h>

#include <catch2/catch_test_macros.hpp>

#include "encoder/image_decoder.h"
#include "tests/encoder/pictures.h"

namespace clipdex::tests {
namespace {

using encoder::decode_image;
using encoder::Image;
using encoder::ImageError;

// A still, lossless file.
Bytes webp(const Bytes& pixels, int width, int height, int channels) {
  std::uint8_t* data = nullptr;
  const std::size_t size = channels == 4 ? ::WebPEncodeLosslessRGBA(pixels.data(), width, height, width * 4, &data)
                                         : ::WebPEncodeLosslessRGB(pixels.data(), width, height, width * 3, &data);
  REQUIRE(size > 0);
  Bytes file(data, data + size);
  ::WebPFree(data);
  return file;
}

void append_number(Bytes& to, std::size_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

Bytes chunk(const std::string& name, const Bytes& payload) {
  Bytes out(name.begin(), name.end());
  append_number(out, payload.size(), 4);
  out.insert(out.end(), payload.begin(), payload.end());
  if (payload.size() % 2 != 0) out.push_back(0);
  return out;
}

constexpr int kAnimation = 0x02, kExif = 0x08, kAlpha = 0x10;  // VP8X's flags

// The extended format: WebP Container Specification.
Bytes extended(int flags, int width, int height, const std::vector<Bytes>& chunks) {
  Bytes header = {static_cast<std::uint8_t>(flags), 0, 0, 0};
  append_number(header, static_cast<std::size_t>(width) - 1, 3);
  append_number(header, static_cast<std::size_t>(height) - 1, 3);
  Bytes body = {'W', 'E', 'B', 'P'};
  for (const auto& part : {std::vector<Bytes>{chunk("VP8X", header)}, chunks}) {
    for (const auto& one : part) body.insert(body.end(), one.begin(), one.end());
  }
  return chunk("RIFF", body);
}

Bytes picture_chunk(const Bytes& still) { return {still.begin() + 12, still.end()}; }

Bytes frame(const Bytes& still, int x, int y, int width, int height) {
  Bytes payload;
  for (const int value : {x / 2, y / 2, width - 1, height - 1}) append_number(payload, static_cast<std::size_t>(value), 3);
  append_number(payload, 100, 3);  // ms
  payload.push_back(0);
  const Bytes picture = picture_chunk(still);
  payload.insert(payload.end(), picture.begin(), picture.end());
  return chunk("ANMF", payload);
}

TEST_CASE("lossless WebP pictures come back sample for sample, with and without alpha") {
  for (const int channels : {3, 4}) {
    auto pixels = varied_samples(static_cast<std::size_t>(31 * 17 * channels));
    // libwebp does not keep the colour of what is wholly transparent.
    for (std::size_t i = 3; channels == 4 && i < pixels.size(); i += 4) pixels[i] |= 1;
    const Image image = decode_image(webp(pixels, 31, 17, channels));
    CHECK(image.width == 31);
    CHECK(image.height == 17);
    CHECK(image.channels == channels);
    CHECK(image.format == encoder::ImageFormat::kWebp);
    CHECK_FALSE(image.indexed);
    CHECK(image.pixels == pixels);
  }
}

TEST_CASE("a lossy WebP picture looks like what was encoded") {
  const auto pixels = corner_picture(64, 48);
  std::uint8_t* data = nullptr;
  const std::size_t size = ::WebPEncodeRGB(pixels.data(), 64, 48, 64 * 3, 90, &data);
  REQUIRE(size > 0);
  const Image image = decode_image({data, size});
  ::WebPFree(data);
  CHECK(image.channels == 3);
  CHECK(white_corner(image) == 0);
}

TEST_CASE("of an animated WebP picture the first frame is read, on its canvas") {
  const auto first = corner_picture(32, 32);
  const Bytes background = {0, 0, 0, 0, 0, 0};
  for (const int flags : {kAnimation, kAnimation | kAlpha}) {
    const Bytes file = extended(flags, 40, 50,
                                {chunk("ANIM", background), frame(webp(first, 32, 32, 3), 6, 10, 32, 32),
                                 frame(webp(Bytes(40 * 50 * 3, 9), 40, 50, 3), 0, 0, 40, 50)});
    const Image image = decode_image(file);
    const int channels = flags == kAnimation ? 3 : 4;
    REQUIRE(image.channels == channels);
    REQUIRE(image.width == 40);
    REQUIRE(image.height == 50);
    for (int y = 0; y < 50; ++y) {
      for (int x = 0; x < 40; ++x) {
        const bool inside = x >= 6 && x < 38 && y >= 10 && y < 42;
        for (int c = 0; c < channels; ++c) {
          const int expected = !inside ? 0 : c == 3 ? 255 : first[static_cast<std::size_t>(((y - 10) * 32 + x - 6) * 3 + c)];
          REQUIRE(int{image.pixels[static_cast<std::size_t>((y * 40 + x) * channels + c)]} == expected);
        }
      }
    }
  }
}

TEST_CASE("a WebP frame that does not fit its canvas or its own header is refused") {
  const auto still = webp(corner_picture(32, 32), 32, 32, 3);
  const Bytes animation = chunk("ANIM", Bytes(6));
  CHECK(reason_of(extended(kAnimation, 40, 40, {animation, frame(still, 10, 0, 32, 32)})) == ImageError::Reason::kCorrupt);
  CHECK(reason_of(extended(kAnimation, 40, 40, {animation, frame(still, 0, 0, 30, 32)})) == ImageError::Reason::kCorrupt);
  CHECK(reason_of(extended(kAnimation, 40, 40, {animation})) == ImageError::Reason::kCorrupt);
}

TEST_CASE("a WebP picture is turned upright by its EXIF chunk, with and without JPEG's prefix before it") {
  const auto still = webp(corner_picture(64, 48), 64, 48, 3);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const std::string& prefix : {std::string(), std::string("Exif\0\0", 6)}) {
      Bytes exif(prefix.begin(), prefix.end());
      for (const auto byte : exif_structure(orientation, orientation % 2 == 0)) exif.push_back(byte);
      check_upright(decode_image(extended(kExif, 64, 48, {picture_chunk(still), chunk("EXIF", exif)})), orientation);
    }
  }
}

TEST_CASE("WebP pictures over the limits are refused from their header") {
  const auto file = webp(corner_picture(64, 48), 64, 48, 3);
  CHECK(reason_of(file, {.pixels_max = 64 * 48 - 1}) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(file, {.side_max = 63}) == ImageError::Reason::kTooLarge);
  const Bytes huge = extended(kAnimation, 1 << 24, 200, {chunk("ANIM", Bytes(6)), frame(file, 0, 0, 64, 48)});
  CHECK(reason_of(huge) == ImageError::Reason::kTooLarge);
}

TEST_CASE("a WebP file that is cut or damaged is refused or read, and never more") {
  const auto file = webp(varied_samples(40 * 30 * 4), 40, 30, 4);
  check_cuts_are_refused(file, file.size() - 1);
  check_damage_is_survived(file);
  const auto animated =
      extended(kAnimation, 64, 48, {chunk("ANIM", Bytes(6)), frame(webp(corner_picture(64, 48), 64, 48, 3), 0, 0, 64, 48)});
  check_cuts_are_refused(animated, animated.size());
  check_damage_is_survived(animated);
}

}  // namespace
}  // namespace clipdex::tests
