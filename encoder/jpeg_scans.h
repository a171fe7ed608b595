// How much work a JPEG's scans will be, from its markers alone, and how much is permitted. Private to encoder/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "encoder/image_decoder.h"

namespace clipdex::encoder {

struct JpegComponent {
  int id = 0;                // as frame and scan headers name it
  std::uint64_t blocks = 0;  // of 8 x 8 samples
};

struct JpegScans {
  int count = 0;
  std::uint64_t blocks = 0;  // visited by all scans together
  bool baseline = true;      // or extended: no frame is progressive, lossless, hierarchical or arithmetic-coded
};

// Walks the segments of the whole file, decoding nothing. What a decoder would stop at ends the walk.
JpegScans count_scans(std::span<const std::uint8_t> file, std::span<const JpegComponent> components);

// A file of several scans is kept as coefficients until all are read.
inline constexpr std::uint64_t kCoefficientBytesOfBlock = 128;

struct JpegScanLimits {
  int scans = 0;
  std::uint64_t blocks = 0;             // visited by all scans together
  std::uint64_t coefficient_bytes = 0;  // in memory
};

// For a file of several scans and so many bytes, whose components have so many blocks together.
JpegScanLimits scan_limits(std::uint64_t blocks, std::size_t file_bytes, const ImageLimits& limits);

}  // namespace clipdex::encoder
