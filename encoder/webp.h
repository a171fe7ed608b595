// WebP through libwebp. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

// RGB or RGBA, as the file's header says it has alpha or not. Of an animation the first frame on its canvas, which is transparent black
// elsewhere, as Pillow has it; the other frames are not looked at. The EXIF chunk's orientation is applied.
// Not bounded: libwebp makes tables for up to 65,536 groups of Huffman codes, 1.3 GB at the worst, before it decodes a pixel
// (tests/encoder/image_bombs.h).
Image decode_webp(std::span<const std::uint8_t> bytes, const ImageLimits& limits);

}  // namespace clipdex::encoder
