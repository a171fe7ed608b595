#include "encoder/exif.h"

#include <algorithm>
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

// Of a value of that type of TIFF's; 0 if Pillow takes no number from it. It gives BYTE as a string of bytes, which is no orientation.
int integer_bytes(std::uint32_t type) {
  constexpr std::uint32_t kShort = 3, kLong = 4, kSignedByte = 6, kSignedShort = 8, kSignedLong = 9, kDirectory = 13;
  switch (type) {
    case kSignedByte:
      return 1;
    case kShort:
    case kSignedShort:
      return 2;
    case kLong:
    case kSignedLong:
    case kDirectory:
      return 4;
    default:
      return 0;
  }
}

struct Turn {
  explicit Turn(int orientation)
      : transposed(orientation >= 5),
        flip_x(orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8),
        flip_y(orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {}
  bool transposed;
  // Of the stored picture: does its x (y) axis run backwards in the upright one?
  bool flip_x, flip_y;
};

Rectangle turned(const Rectangle& extent, int width, int height, const Turn& turn) {
  Rectangle upright = extent;
  if (turn.flip_x) upright.left = width - extent.left - extent.width;
  if (turn.flip_y) upright.top = height - extent.top - extent.height;
  if (turn.transposed) upright = {.left = upright.top, .top = upright.left, .width = upright.height, .height = upright.width};
  return upright;
}

template <int kChannels>
Image turned(const Image& image, const Turn& turn) {
  Image upright{.width = image.width,
                .height = image.height,
                .channels = kChannels,
                .indexed = image.indexed,
                .format = image.format,
                .pixels = Pixels(image.pixels.size()),
                .full_width = image.full_width,
                .full_height = image.full_height,
                .extent = turned(image.extent, image.width, image.height, turn)};
  if (turn.transposed) {
    std::swap(upright.width, upright.height);
    std::swap(upright.full_width, upright.full_height);
  }
  const std::ptrdiff_t row = std::ptrdiff_t{image.width} * kChannels;
  // Steps in the stored picture for one step along x and y of the upright one.
  std::ptrdiff_t step_x = turn.flip_x ? -kChannels : kChannels;
  std::ptrdiff_t step_y = turn.flip_y ? -row : row;
  const std::uint8_t* origin = image.pixels.data() + (turn.flip_x ? row - kChannels : 0) + (turn.flip_y ? row * (image.height - 1) : 0);
  if (turn.transposed) std::swap(step_x, step_y);
  // By tiles: of a transposed picture, a row is read from as many cache lines as it has pixels, and the next row wants them again.
  constexpr int kTile = 32;
  for (int tile_y = 0; tile_y < upright.height; tile_y += kTile) {
    for (int tile_x = 0; tile_x < upright.width; tile_x += kTile) {
      const int columns = std::min(kTile, upright.width - tile_x);
      for (int y = tile_y; y < std::min(tile_y + kTile, upright.height); ++y) {
        const std::uint8_t* from = origin + y * step_y + tile_x * step_x;
        std::uint8_t* to = upright.pixels.data() + (std::ptrdiff_t{y} * upright.width + tile_x) * kChannels;
        for (int x = 0; x < columns; ++x, from += step_x, to += kChannels) std::memcpy(to, from, kChannels);
      }
    }
  }
  return upright;
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> tiff) {
  constexpr std::size_t kHeaderBytes = 8, kEntryBytes = 12;
  constexpr std::uint32_t kMagic = 42, kOrientationTag = 0x0112;
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
  int orientation = kUpright;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > tiff.size()) break;
    const int bytes = integer_bytes(reader.number(entry + 2, 2));
    if (reader.number(entry, 2) != kOrientationTag || bytes == 0) continue;
    const std::uint32_t value = reader.number(entry + 8, bytes);
    orientation = value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;  // of several, the last counts
  }
  return orientation;
}

int jpeg_orientation(std::span<const std::uint8_t> file) {
  constexpr std::uint8_t kMarker = 0xFF, kApp1 = 0xE1, kStartOfScan = 0xDA, kEndOfImage = 0xD9;
  constexpr std::uint8_t kTemporary = 0x01, kRestartFirst = 0xD0, kRestartLast = 0xD7;
  constexpr char kExif[] = {'E', 'x', 'i', 'f', 0, 0};
  for (std::size_t at = 2; at + 4 <= file.size();) {
    const std::uint8_t kind = file[at + 1];
    if (file[at] != kMarker || kind == kMarker) {  // a stray byte, which libjpeg skips too, or a fill byte
      ++at;
      continue;
    }
    if (kind <= kTemporary || (kind >= kRestartFirst && kind <= kRestartLast)) {  // nothing belongs to it
      at += 2;
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
  const Turn turn(orientation);
  switch (image.channels) {
    case 1:
      return turned<1>(image, turn);
    case 2:
      return turned<2>(image, turn);
    case 3:
      return turned<3>(image, turn);
    default:
      return turned<4>(image, turn);
  }
}

}  // namespace clipdex::encoder
