#include "encoder/tiff_segments.h"

#include <algorithm>
#include <limits>
#include <string>

#include "encoder/image_decoder.h"
#include "encoder/jpeg_scans.h"

namespace clipdex::encoder {
namespace {

// How many bytes come of one at most.
std::uint64_t greatest_ratio(std::uint16_t compression) {
  switch (compression) {
    case COMPRESSION_NONE:
      return 1;
    case COMPRESSION_PACKBITS:
      return 64;  // a run of 128 from two
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE:
      return 1032;
    case COMPRESSION_LZW:
      return 2560;  // the longest string, of 3,838 bytes, from 12 bits
    case COMPRESSION_JPEG:
      return 1024;  // blocks of 64 samples from two bits, chroma of which each sample is repeated 16 times
    default:
      return std::numeric_limits<std::uint64_t>::max();  // CCITT: a row of any width from one bit
  }
}

bool may_hold(std::uint64_t stored, std::uint16_t compression, std::uint64_t unpacked) {
  const auto ratio = greatest_ratio(compression);
  return stored > 0 && (stored >= std::numeric_limits<std::uint64_t>::max() / ratio || stored * ratio >= unpacked);
}

[[noreturn]] void too_short() {
  throw ImageError(ImageError::Reason::kCorrupt, "the TIFF file is damaged: it is too short for a picture of its size");
}

[[noreturn]] void too_much(const std::string& what) {
  throw ImageError(ImageError::Reason::kTooLarge, "the TIFF file " + what + ": save it again as an ordinary TIFF or a PNG");
}

// The part of the file where a strip or tile lies.
std::span<const std::uint8_t> stored(const TiffFile& file, std::uint32_t segment, std::span<const std::uint8_t> bytes) {
  const std::uint64_t at = ::TIFFGetStrileOffset(file.get(), segment), size = ::TIFFGetStrileByteCount(file.get(), segment);
  if (at >= bytes.size()) return {};
  return bytes.subspan(at, std::min<std::uint64_t>(size, bytes.size() - at));
}

}  // namespace

void check_segments(const TiffFile& file, const TiffPicture& picture, std::span<const std::uint8_t> bytes) {
  // Tiles of 16 x 16 are the smallest that TIFF has. Every JPEG is a header to be read.
  constexpr std::uint64_t kSegmentsMax = 1 << 18, kJpegsMax = 1 << 14;
  // Equal tiles may be stored once, and the last ones reach beyond the picture.
  constexpr std::uint64_t kStoredFactor = 2, kStoredLeast = std::uint64_t{8} << 20;
  constexpr std::uint64_t kTilesFactor = 4, kTilesLeast = std::uint64_t{64} << 20;
  const bool tiled = ::TIFFIsTiled(file.get()) != 0, jpeg = picture.compression == COMPRESSION_JPEG;
  const std::uint64_t segments = tiled ? ::TIFFNumberOfTiles(file.get()) : ::TIFFNumberOfStrips(file.get());
  if (segments > (jpeg ? kJpegsMax : kSegmentsMax)) too_much("is cut into " + std::to_string(segments) + " pieces");
  const std::uint64_t picture_bytes = (picture.row_bits + 7) / 8 * picture.height * picture.planes;
  if (tiled && segments * static_cast<std::uint64_t>(::TIFFTileSize64(file.get())) > std::max(kTilesFactor * picture_bytes, kTilesLeast))
    too_much("has tiles that are much larger than its picture");
  std::uint64_t all = 0;
  for (std::uint32_t i = 0; i < segments; ++i) {
    const auto segment = stored(file, i, bytes);
    all += segment.size();
    if (all > kStoredFactor * bytes.size() + kStoredLeast) too_much("stores many parts of its picture in the same place");
    if (!jpeg || segment.empty()) continue;
    const auto scans = count_scans(segment, {});
    if (!scans.baseline || scans.count > 1) {
      throw ImageError(
          ImageError::Reason::kUnsupported,
          "TIFF files with progressive or arithmetic-coded JPEG data, or with several scans, are not read: save it with LZW or "
          "Deflate");
    }
  }
  if (!may_hold(all, picture.compression, picture_bytes)) too_short();
}

void check_tile(const TiffFile& file, std::uint16_t compression, std::uint32_t tile, std::uint64_t tile_bytes, std::size_t file_bytes) {
  const std::uint64_t size = std::min<std::uint64_t>(::TIFFGetStrileByteCount(file.get(), tile), file_bytes);
  if (!may_hold(size, compression, tile_bytes)) too_short();
}

}  // namespace clipdex::encoder
