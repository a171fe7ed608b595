#include <gif_lib.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <optional>

#include "encoder/image_decoder.h"
#include "tests/encoder/pictures.h"

namespace clipdex::tests {
namespace {

using encoder::decode_image;
using encoder::Image;
using encoder::ImageError;

// An index's colour: none is gray.
constexpr std::array<std::uint8_t, 3> color(int index) {
  return {static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(255 - index), static_cast<std::uint8_t>(index * 7)};
}

struct GifOptions {
  int screen_width = 20, screen_height = 15;
  int left = 0, top = 0, width = 20, height = 15;
  bool interlaced = false, gray_ramp = false, local_palette = false;
  std::optional<int> transparent;
  int frames = 1;
};

// Index of the first frame's pixel; the other frames' are all 0.
std::uint8_t index_at(const GifOptions& options, int x, int y) {
  return varied_samples(static_cast<std::size_t>(options.width * options.height))[static_cast<std::size_t>(y * options.width + x)];
}

Bytes gif(const GifOptions& options) {
  Bytes file;
  int error = 0;
  GifFileType* writer = ::EGifOpen(
      &file,
      [](GifFileType* self, const GifByteType* data, int size) {
        auto& to = *static_cast<Bytes*>(self->UserData);
        to.insert(to.end(), data, data + size);
        return size;
      },
      &error);
  REQUIRE(writer != nullptr);
  ::EGifSetGifVersion(writer, true);
  std::vector<GifColorType> colors(256), other(256);
  for (int i = 0; i < 256; ++i) {
    const auto level = static_cast<GifByteType>(i);
    const auto [red, green, blue] = color(i);
    colors[static_cast<std::size_t>(i)] = options.gray_ramp ? GifColorType{level, level, level} : GifColorType{red, green, blue};
  }
  const std::unique_ptr<ColorMapObject, void (*)(ColorMapObject*)> palette(::GifMakeMapObject(256, colors.data()), ::GifFreeMapObject);
  const std::unique_ptr<ColorMapObject, void (*)(ColorMapObject*)> wrong(::GifMakeMapObject(256, other.data()), ::GifFreeMapObject);
  REQUIRE(::EGifPutScreenDesc(writer, options.screen_width, options.screen_height, 8, 0,
                              options.local_palette ? wrong.get() : palette.get()) == GIF_OK);
  ::EGifPutComment(writer, "a comment");
  for (int frame = 0; frame < options.frames; ++frame) {
    const GraphicsControlBlock control{DISPOSE_DO_NOT, false, 10, options.transparent.value_or(NO_TRANSPARENT_COLOR)};
    GifByteType extension[4];
    ::EGifGCBToExtension(&control, extension);
    ::EGifPutExtension(writer, GRAPHICS_EXT_FUNC_CODE, 4, extension);
    REQUIRE(::EGifPutImageDesc(writer, options.left, options.top, options.width, options.height, options.interlaced,
                               options.local_palette ? palette.get() : nullptr) == GIF_OK);
    std::vector<int> rows;
    if (options.interlaced) {
      for (const auto& [first, step] : {std::pair{0, 8}, std::pair{4, 8}, std::pair{2, 4}, std::pair{1, 2}}) {
        for (int y = first; y < options.height; y += step) rows.push_back(y);
      }
    } else {
      for (int y = 0; y < options.height; ++y) rows.push_back(y);
    }
    for (const int y : rows) {
      Bytes line;
      for (int x = 0; x < options.width; ++x) line.push_back(frame == 0 ? index_at(options, x, y) : std::uint8_t{0});
      REQUIRE(::EGifPutLine(writer, line.data(), options.width) == GIF_OK);
    }
  }
  REQUIRE(::EGifCloseFile(writer, &error) == GIF_OK);
  return file;
}

void check_pixels(const Image& image, const GifOptions& options) {
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const bool inside = x >= options.left && x < options.left + options.width && y >= options.top && y < options.top + options.height;
      const int index = inside ? index_at(options, x - options.left, y - options.top) : options.transparent.value_or(0);
      const auto* pixel = image.pixels.data() + (y * image.width + x) * image.channels;
      INFO(x << ", " << y);
      if (image.channels == 1) {
        REQUIRE(int{pixel[0]} == index);
      } else {
        const auto expected = color(index);
        REQUIRE(std::equal(expected.begin(), expected.end(), pixel));
      }
    }
  }
}

TEST_CASE("a GIF picture comes back index for index, and is marked as a palette's") {
  for (const bool interlaced : {false, true}) {
    for (const bool local : {false, true}) {
      const GifOptions options{.interlaced = interlaced, .local_palette = local};
      const Image image = decode_image(gif(options));
      CHECK(image.format == encoder::ImageFormat::kGif);
      CHECK(image.width == 20);
      CHECK(image.height == 15);
      CHECK(image.channels == 3);
      CHECK(image.indexed);
      check_pixels(image, options);
    }
  }
}

TEST_CASE("a GIF palette that is the gray ramp makes a gray picture, as in Pillow") {
  const GifOptions options{.gray_ramp = true};
  const Image image = decode_image(gif(options));
  CHECK(image.channels == 1);
  CHECK_FALSE(image.indexed);
  check_pixels(image, options);
}

TEST_CASE("a GIF frame lies on its screen, which grows to hold it; around it is the transparent colour or the first") {
  for (const auto& transparent : {std::optional<int>(), std::optional<int>(9)}) {
    GifOptions options{.screen_width = 50, .screen_height = 40, .left = 7, .top = 3, .transparent = transparent};
    Image image = decode_image(gif(options));
    CHECK(image.width == 50);
    CHECK(image.height == 40);
    check_pixels(image, options);
    options.screen_width = options.screen_height = 10;
    image = decode_image(gif(options));
    CHECK(image.width == 27);
    CHECK(image.height == 18);
    check_pixels(image, options);
  }
}

TEST_CASE("of a GIF animation the first frame is read") {
  const GifOptions options{.frames = 5};
  check_pixels(decode_image(gif(options)), options);
}

TEST_CASE("GIF pictures over the limits are refused from their headers") {
  CHECK(reason_of(gif({}), {.pixels_max = 299}) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(gif({.screen_width = 65'535, .screen_height = 65'535})) == ImageError::Reason::kTooLarge);
  CHECK(reason_of(gif({.left = 65'535})) == ImageError::Reason::kTooLarge);
}

TEST_CASE("a GIF file that is cut or damaged is refused or read, and never more") {
  const auto file = gif({.transparent = 3});
  check_cuts_are_refused(file, file.size() - 4);  // its trailer and the end of its last block are not missed
  check_damage_is_survived(file);
}

}  // namespace
}  // namespace clipdex::tests
