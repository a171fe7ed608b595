// BMP, read here: Debian has no library for it. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

// Windows and OS/2 bitmaps (Microsoft's BITMAPCOREHEADER to BITMAPV5HEADER): 1, 4 and 8 bits with a palette, also RLE4 and RLE8, 16, 24 and
// 32 bits, also with bit fields, from below and from above. In the mode that Pillow opens it in: RGB with `indexed` set for a palette, gray
// where that is the gray ramp, RGBA where the header names alpha bits. What an RLE picture leaves out has colour 0.
Image decode_bmp(std::span<const std::uint8_t> bytes, const ImageLimits& limits);

}  // namespace clipdex::encoder
