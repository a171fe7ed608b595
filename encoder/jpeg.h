// JPEG through libjpeg-turbo. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

Image decode_jpeg(std::span<const std::uint8_t> bytes, const ImageLimits& limits, const DecodeOptions& options = {});

// By what both sides are divided for these options: 1, 2, 4 or 8.
int jpeg_reduction(int width, int height, const DecodeOptions& options);

// `image`: the file's picture as it is stored, width x height of them, with both sides divided by `reduction` and rounded up. It learns
// what the whole was, and is turned upright.
Image finish_jpeg(Image image, int width, int height, int reduction, std::span<const std::uint8_t> file);

// rgb: [height, width, 3]. Returns the file's bytes.
std::string encode_jpeg(const Image& rgb, int quality);

}  // namespace clipdex::encoder
