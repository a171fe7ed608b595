// JPEG through libjpeg-turbo. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

Image decode_jpeg(std::span<const std::uint8_t> bytes, const ImageLimits& limits, const DecodeOptions& options = {});

// rgb: [height, width, 3]. Returns the file's bytes.
std::string encode_jpeg(const Image& rgb, int quality);

}  // namespace clipdex::encoder
