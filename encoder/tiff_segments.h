// What a TIFF picture's strips or tiles store, before one of them is decoded. Private to encoder/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "encoder/tiff_file.h"

namespace clipdex::encoder {

struct TiffPicture {
  std::uint64_t height = 0;
  std::uint16_t compression = COMPRESSION_NONE;
  std::uint64_t row_bits = 0;  // of one row of one plane as it is stored, at the least
  std::uint64_t planes = 1;
};

// Refuses a file that stores less than its picture can be packed into, one whose strips or tiles share bytes or reach beyond the picture so
// far that reading them would be out of all proportion, and JPEG data other than baseline of one scan, which is what TIFF asks for (TIFF
// Technical Note 2) and what can be decoded row by row. `bytes`: the whole file. Throws ImageError.
void check_segments(const TiffFile& file, const TiffPicture& picture, std::span<const std::uint8_t> bytes);

// The same for one tile: whether `tile_bytes` can come of what it stores. Throws ImageError.
void check_tile(const TiffFile& file, std::uint16_t compression, std::uint32_t tile, std::uint64_t tile_bytes, std::size_t file_bytes);

}  // namespace clipdex::encoder
