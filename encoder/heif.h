// HEIC and AVIF through libheif. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

// The primary image, as RGB or, if it has alpha, RGBA; more than 8 bits a sample are rounded to 8 by libheif, and so is YCbCr converted.
// Overlays and grids of far more tiles than pixels ask for are refused (heif_items.h).
// libheif rotates, mirrors and crops as the file says; EXIF orientation repeats that and is not looked at, as the standard demands.
// Of damaged streams libde265 and dav1d write a line to stderr, which libheif gives no way to turn off.
// format: what the file was sniffed as, kHeic or kAvif.
Image decode_heif(std::span<const std::uint8_t> bytes, ImageFormat format, const ImageLimits& limits);

}  // namespace clipdex::encoder
