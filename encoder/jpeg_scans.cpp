#include "encoder/jpeg_scans.h"

#include <algorithm>

#include "encoder/jpeg_markers.h"

namespace clipdex::encoder {
namespace {

// The coefficients may take as much memory as the largest permitted picture. Huffman coding takes a bit at the least for a block of 8 x 8;
// where a large picture has fewer bytes than that, which arithmetic coding can do, only so much of it is permitted.
constexpr std::uint64_t kCoefficientBytesLeast = std::uint64_t{16} << 20, kCoefficientBytesOfAny = std::uint64_t{64} << 20;
constexpr std::uint64_t kCoefficientBytesPerByte = 8 * kCoefficientBytesOfBlock;
// Progressive files in the wild make two to six passes over each component; some hundred scans of a huge picture take minutes. A scan in
// which nothing changes takes a bit for 2,000 blocks, and yet each of them is looked at: more passes than usual are for files that have
// something to say in them. Of photographs each block takes a byte and more in all passes together.
constexpr int kScansMax = 500;
constexpr std::uint64_t kPassesMax = 20, kPassesOfAny = 8, kVisitsPerByte = 4;
constexpr std::uint64_t kBlocksLeast = std::uint64_t{1} << 20;  // of a small picture, whose passes cost nothing

// Of the start-of-frame markers, whose range holds three others, those but baseline's and extended sequential's.
bool starts_other_frame(std::uint8_t code) {
  return code > jpeg_code::kExtended && code <= jpeg_code::kFrameLast && code != jpeg_code::kHuffmanTables &&
         code != jpeg_code::kReserved && code != jpeg_code::kArithmetic;
}

std::uint64_t blocks_of(std::span<const std::uint8_t> scan_header, std::span<const JpegComponent> components) {
  std::uint64_t blocks = 0;
  for (std::size_t i = 0; i < scan_header[0] && 2 + 2 * i < scan_header.size(); ++i) {
    for (const auto& component : components) {
      if (component.id == scan_header[1 + 2 * i]) blocks += component.blocks;
    }
  }
  return blocks;
}

}  // namespace

JpegScans count_scans(std::span<const std::uint8_t> file, std::span<const JpegComponent> components) {
  JpegScans scans;
  JpegMarkers markers(file);
  while (const auto marker = markers.next()) {
    if (marker->code == jpeg_code::kEndOfImage) break;
    if (starts_other_frame(marker->code)) scans.baseline = false;
    if (marker->code != jpeg_code::kStartOfScan || marker->segment.empty()) continue;
    ++scans.count;
    scans.blocks += blocks_of(marker->segment, components);
  }
  return scans;
}

JpegScanLimits scan_limits(std::uint64_t blocks, std::size_t file_bytes, const ImageLimits& limits) {
  return {.scans = kScansMax,
          .blocks = std::max(std::min(kPassesMax * blocks, kPassesOfAny * blocks + kVisitsPerByte * file_bytes), kBlocksLeast),
          .coefficient_bytes = std::min(std::max(3 * limits.pixels_max, kCoefficientBytesLeast),
                                        kCoefficientBytesOfAny + kCoefficientBytesPerByte * file_bytes)};
}

}  // namespace clipdex::encoder
