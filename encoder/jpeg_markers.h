// The markers of a JPEG file one after the other, at memory speed, decoding nothing. Private to encoder/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace clipdex::encoder {

// ITU-T T.81, table B.1.
namespace jpeg_code {
inline constexpr std::uint8_t kTemporary = 0x01, kBaseline = 0xC0, kExtended = 0xC1, kProgressive = 0xC2, kHuffmanTables = 0xC4,
                              kReserved = 0xC8, kArithmetic = 0xCC, kFrameLast = 0xCF, kRestartFirst = 0xD0, kRestartLast = 0xD7,
                              kStartOfImage = 0xD8, kEndOfImage = 0xD9, kStartOfScan = 0xDA, kQuantizationTables = 0xDB,
                              kRestartInterval = 0xDD, kApp0 = 0xE0, kApp14 = 0xEE, kApp15 = 0xEF, kComment = 0xFE;
}  // namespace jpeg_code

struct JpegMarker {
  std::uint8_t code = 0;
  std::size_t at = 0;                     // of its 255, the last of several, in the file
  std::span<const std::uint8_t> segment;  // what belongs to it, without its length; empty for a marker that stands alone
};

class JpegMarkers {
 public:
  explicit JpegMarkers(std::span<const std::uint8_t> file) : file_(file) {}

  // The next one, whatever stands before it: a scan's data, or stray bytes. Nothing where the file ends, or a segment says a length that
  // it cannot have.
  std::optional<JpegMarker> next();

  // Behind what next() gave last.
  std::size_t position() const { return position_; }

 private:
  std::span<const std::uint8_t> file_;
  std::size_t position_ = 0;
};

}  // namespace clipdex::encoder
