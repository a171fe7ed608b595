// TIFF and BigTIFF through libtiff. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

// The first page, in the mode that Pillow opens it in: gray of 1, 2, 4, 8 or 16 bits, gray + alpha, RGB, RGBA (premultiplied becomes
// straight), palette (RGB with `indexed` set), CMYK and YCbCr (both become RGB); strips or tiles, interleaved or in planes. 16-bit samples
// keep their high byte, but for gray, which Pillow clips at 255 on its way to RGB. Read are uncompressed, CCITT, PackBits, LZW, Deflate and
// JPEG (baseline, of one scan); refused by name are other compressions, whose decoders take memory as the file asks, and samples that are
// no picture for a screen (floating point, Lab, more than 16 bits). The orientation tag is applied.
Image decode_tiff(std::span<const std::uint8_t> bytes, const ImageLimits& limits);

}  // namespace clipdex::encoder
