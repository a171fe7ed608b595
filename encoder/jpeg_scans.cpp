#include "encoder/jpeg_scans.h"

#include <cstddef>
#include <cstring>

namespace clipdex::encoder {
namespace {

constexpr std::uint8_t kTemporary = 0x01, kRestartFirst = 0xD0, kStartOfImage = 0xD8, kEndOfImage = 0xD9, kStartOfScan = 0xDA;

// Of the start-of-frame markers (ITU-T T.81, table B.1), whose range holds three others, those but baseline's and extended sequential's.
bool starts_other_frame(std::uint8_t marker) {
  constexpr std::uint8_t kBaseline = 0xC0, kExtended = 0xC1, kLast = 0xCF, kHuffmanTables = 0xC4, kReserved = 0xC8, kArithmetic = 0xCC;
  return marker >= kBaseline && marker <= kLast && marker != kBaseline && marker != kExtended && marker != kHuffmanTables &&
         marker != kReserved && marker != kArithmetic;
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
  std::size_t at = 0;
  while (at + 1 < file.size()) {
    const void* found = std::memchr(file.data() + at, 0xFF, file.size() - 1 - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - file.data());
    const std::uint8_t marker = file[at + 1];
    if (marker == kEndOfImage) break;
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    if (marker <= kTemporary || (marker >= kRestartFirst && marker <= kStartOfImage)) {  // a sample of 255, or a marker alone
      at += 2;
      continue;
    }
    if (at + 4 > file.size()) break;
    const std::size_t length = static_cast<std::size_t>(file[at + 2]) << 8 | file[at + 3];
    if (length < 2 || length > file.size() - at - 2) break;
    if (starts_other_frame(marker)) scans.baseline = false;
    if (marker == kStartOfScan && length > 2) {
      ++scans.count;
      scans.blocks += blocks_of(file.subspan(at + 4, length - 2), components);
    }
    at += 2 + length;
  }
  return scans;
}

}  // namespace clipdex::encoder
