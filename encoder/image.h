// A decoded picture.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

enum class ImageFormat { kJpeg, kPng, kWebp, kGif, kHeic, kAvif, kTiff, kBmp };

// Lower-case name as it stands in records and answers: "jpeg", "png", "webp", "gif", "heic", "avif", "tiff", "bmp". Behind "image/" it
// is the format's media type.
std::string_view image_format_name(ImageFormat format);

// 8-bit samples, row-major, interleaved: `pixels` has size height * width * channels.
// channels: 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA (alpha not premultiplied).
// A plain value: safe to read from many threads, not to change while others read.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  // Palette and 1-bit pictures: Pillow resizes those with the nearest neighbour, and so do we where the reference does.
  bool indexed = false;
  ImageFormat format = ImageFormat::kJpeg;
  std::vector<std::uint8_t> pixels;
};

}  // namespace clipdex::encoder
