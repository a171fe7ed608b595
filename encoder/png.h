// PNG through libspng. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

// In the picture's own mode, as Pillow opens it: gray, gray + alpha, RGB, RGBA; a palette becomes RGB with `indexed` set. 16-bit samples
// keep their high byte, but for gray, which Pillow clips at 255 on its way to RGB.
Image decode_png(std::span<const std::uint8_t> bytes, const ImageLimits& limits);

}  // namespace clipdex::encoder
