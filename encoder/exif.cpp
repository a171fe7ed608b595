#include "encoder/exif.h"

#include <cstddef>
#include <cstring>
#include <utility>

namespace clipdex::encoder {
namespace {

constexpr int kUpright = 1;

// Bounded reads in the structure's own byte order; what lies outside reads as 0.
struct TiffReader {
  std::span<const std::uint8_t> bytes;
  bool big_endian = false;

  std::uint32_t number(std::size_t at, int size) const {
    if (at > bytes.size() || bytes.size() - at < static_cast<std::size_t>(size)) return 0;
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | bytes[at + static_cast<std::size_t>(big_endian ? i : size - 1 - i)];
    return value;
  }
};

}  // namespace

int exif_orientation(std::span<const std::uint8_t> tiff) {
  constexpr std::size_t kHeaderBytes = 8, kEntryBytes = 12;
  constexpr std::uint32_t kMagic = 42, kOrientationTag = 0x0112, kShortType = 3;
  if (tiff.size() < kHeaderBytes) return kUpright;
  TiffReader reader{tiff};
  if (tiff[0] == 'M' && tiff[1] == 'M') {
    reader.big_endian = true;
  } else if (tiff[0] != 'I' || tiff[1] != 'I') {
    return kUpright;
  }
  if (reader.number(2, 2) != kMagic) return kUpright;
  const std::size_t directory = reader.number(4, 4);
  const std::uint32_t entries = reader.number(directory, 2);  // at most 65,535, each read in bounds
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > tiff.size()) break;
    if (reader.number(entry, 2) != kOrientationTag || reader.number(entry + 2, 2) != kShortType) continue;
    const std::uint32_t value = reader.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

int jpeg_orientation(std::span<const std::uint8_t> file) {
  constexpr std::uint8_t kMarker = 0xFF, kApp1 = 0xE1, kStartOfScan = 0xDA, kEndOfImage = 0xD9;
  constexpr char kExif[] = {'E', 'x', 'i', 'f', 0, 0};
  for (std::size_t at = 2; at + 4 <= file.size();) {
    if (file[at] != kMarker) return kUpright;
    const std::uint8_t kind = file[at + 1];
    if (kind == kMarker) {  // fill byte
      ++at;
      continue;
    }
    if (kind == kStartOfScan || kind == kEndOfImage) return kUpright;
    const std::size_t length = static_cast<std::size_t>(file[at + 2]) << 8 | file[at + 3];
    if (length < 2 || length > file.size() - at - 2) return kUpright;
    const auto payload = file.subspan(at + 4, length - 2);
    if (kind == kApp1 && payload.size() > sizeof kExif && std::memcmp(payload.data(), kExif, sizeof kExif) == 0) {
      return exif_orientation(payload.subspan(sizeof kExif));
    }
    at += 2 + length;
  }
  return kUpright;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation <= kUpright || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  // Of the stored picture: does its x (y) axis run backwards in the upright one?
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright = image;
  if (transposed) std::swap(upright.width, upright.height);
  const auto channels = static_cast<std::size_t>(image.channels);
  for (int y = 0; y < upright.height; ++y) {
    for (int x = 0; x < upright.width; ++x) {
      int from_x = transposed ? y : x;
      int from_y = transposed ? x : y;
      if (flip_x) from_x = image.width - 1 - from_x;
      if (flip_y) from_y = image.height - 1 - from_y;
      const std::size_t from =
          (static_cast<std::size_t>(from_y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(from_x)) * channels;
      const std::size_t to =
          (static_cast<std::size_t>(y) * static_cast<std::size_t>(upright.width) + static_cast<std::size_t>(x)) * channels;
      for (std::size_t c = 0; c < channels; ++c) upright.pixels[to + c] = image.pixels[from + c];
    }
  }
  return upright;
}

}  // namespace clipdex::encoder
