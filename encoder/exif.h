// The one thing that is read from EXIF: which way up the picture is.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"

namespace clipdex::encoder {

// `tiff`: EXIF's TIFF structure, as it stands behind "Exif\0\0" in a JPEG's APP1 and in a PNG's eXIf chunk.
// Returns 1..8 as TIFF defines them; 1 (upright) for whatever is missing or damaged. The tag may be of any integer type that Pillow takes.
int exif_orientation(std::span<const std::uint8_t> tiff);

// The same from a whole JPEG file, walking its segments up to the first scan. Stray bytes between them are skipped, as decoders skip them.
int jpeg_orientation(std::span<const std::uint8_t> file);

// Turns and mirrors the picture upright.
Image apply_orientation(Image image, int orientation);

}  // namespace clipdex::encoder
