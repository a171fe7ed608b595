// How much work a JPEG's scans will be, from its markers alone. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

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

// Walks the segments of the whole file, at memory speed, decoding nothing. What a decoder would stop at ends the walk.
JpegScans count_scans(std::span<const std::uint8_t> file, std::span<const JpegComponent> components);

}  // namespace clipdex::encoder
