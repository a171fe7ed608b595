#include "encoder/bmp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <string>
#include <vector>

#include "encoder/image_limits.h"

namespace clipdex::encoder {
namespace {

[[noreturn]] void corrupt(const std::string& message) {
  throw ImageError(ImageError::Reason::kCorrupt, "the BMP file is damaged: " + message);
}

[[noreturn]] void unsupported(const std::string& what) {
  throw ImageError(ImageError::Reason::kUnsupported, "BMP files with " + what + " are not read: save it as PNG");
}

// Bounded little-endian reads.
struct Reader {
  std::span<const std::uint8_t> bytes;

  std::span<const std::uint8_t> part(std::size_t at, std::size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at) corrupt("it ends too early");
    return bytes.subspan(at, size);
  }
  std::uint32_t number(std::size_t at, std::size_t size) const {
    const auto read = part(at, size);
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | read[i];
    return value;
  }
};

enum Compression : std::uint32_t { kNone = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };
using Color = std::array<std::uint8_t, 3>;

struct Header {
  std::size_t pixels_at = 0, header_bytes = 0;
  std::int64_t width = 0, height = 0;
  bool from_above = false;
  unsigned bits = 0;
  std::uint32_t compression = kNone, colors = 0;
  std::array<std::uint32_t, 4> masks = {};  // red, green, blue, alpha; for more than 8 bits
};

void read_masks(const Reader& file, Header& header) {
  constexpr std::size_t kMasksAt = 54, kHeaderWithAlpha = 56;
  if (header.bits == 16) header.masks = {0x7C00, 0x3E0, 0x1F, 0};
  if (header.bits == 24 || header.bits == 32) header.masks = {0xFF0000, 0xFF00, 0xFF, 0};
  if (header.compression != kBitFields) return;
  if (header.bits < 16) unsupported("bit fields of " + std::to_string(header.bits) + " bits");
  std::array<std::uint32_t, 4> masks{};
  for (std::size_t i = 0; i < (header.header_bytes >= kHeaderWithAlpha ? 4 : 3); ++i) masks[i] = file.number(kMasksAt + 4 * i, 4);
  if (masks == std::array<std::uint32_t, 4>{}) masks = {0xFF0000, 0xFF00, 0xFF, 0xFF000000};  // as Pillow takes it
  for (const auto mask : masks) {
    const std::uint32_t low = mask == 0 ? 0 : mask >> std::countr_zero(mask);
    if ((low & (low + 1)) != 0 || low > 0xFFFF) unsupported("such bit fields");
  }
  header.masks = masks;
}

Header read_header(const Reader& file) {
  constexpr std::size_t kFileHeaderBytes = 14, kCoreHeaderBytes = 12, kOs2HeaderBytes = 64;
  constexpr std::array<std::size_t, 6> kHeaderBytes = {40, 52, 56, kOs2HeaderBytes, 108, 124};
  Header header;
  header.pixels_at = file.number(10, 4);
  header.header_bytes = file.number(14, 4);
  if (header.header_bytes == kCoreHeaderBytes) {
    header.width = file.number(18, 2);
    header.height = file.number(20, 2);
    header.bits = file.number(24, 2);
  } else if (std::find(kHeaderBytes.begin(), kHeaderBytes.end(), header.header_bytes) != kHeaderBytes.end()) {
    header.width = static_cast<std::int32_t>(file.number(18, 4));
    const std::int64_t height = static_cast<std::int32_t>(file.number(22, 4));
    header.from_above = height < 0;
    header.height = std::abs(height);
    header.bits = file.number(28, 2);
    header.compression = file.number(30, 4);
    header.colors = file.number(46, 4);
  } else {
    unsupported("a header of " + std::to_string(header.header_bytes) + " bytes");
  }
  constexpr std::array<unsigned, 6> kBits = {1, 4, 8, 16, 24, 32};
  if (std::find(kBits.begin(), kBits.end(), header.bits) == kBits.end()) unsupported(std::to_string(header.bits) + " bits a pixel");
  const bool os2_own = header.header_bytes == kOs2HeaderBytes && header.compression >= kBitFields;
  const bool known = header.compression == kNone || header.compression == kBitFields || (header.compression == kRle8 && header.bits == 8) ||
                     (header.compression == kRle4 && header.bits == 4);
  if (!known || os2_own) unsupported("compression " + std::to_string(header.compression));
  if (header.colors == 0 && header.bits <= 8) header.colors = 1U << header.bits;
  // Pillow's mending of files that say that the pixels come before the palette.
  if (header.bits <= 8 && header.pixels_at == kFileHeaderBytes + header.header_bytes) header.pixels_at += std::size_t{4} * header.colors;
  read_masks(file, header);
  return header;
}

std::vector<Color> read_palette(const Reader& file, const Header& header) {
  constexpr std::size_t kFileHeaderBytes = 14;
  const std::size_t entry_bytes = header.header_bytes == 12 ? 3 : 4;
  std::vector<Color> palette(256);
  for (std::size_t i = 0; i < std::min<std::size_t>(header.colors, palette.size()); ++i) {
    const auto entry = file.part(kFileHeaderBytes + header.header_bytes + i * entry_bytes, 3);
    palette[i] = {entry[2], entry[1], entry[0]};
  }
  return palette;
}

bool is_gray_ramp(const std::vector<Color>& palette, std::size_t colors) {
  for (std::size_t i = 0; i < std::min(colors, palette.size()); ++i) {
    const auto level = static_cast<std::uint8_t>(i);
    if (palette[i] != Color{level, level, level}) return false;
  }
  return true;
}

// One index a pixel, rows as they are stored.
std::vector<std::uint8_t> read_run_lengths(const Reader& file, const Header& header) {
  const bool nibbles = header.compression == kRle4;
  const auto width = static_cast<std::size_t>(header.width), height = static_cast<std::size_t>(header.height);
  std::vector<std::uint8_t> indexes(width * height);
  std::size_t at = header.pixels_at, x = 0, y = 0;
  // What lies behind a row's end is not kept. It is not gone through either: two bytes of the file stand for 255 pixels.
  const auto fitting = [&](std::size_t count) { return std::min(count, width - std::min(x, width)); };
  const auto half = [](std::uint8_t byte, std::size_t i) { return static_cast<std::uint8_t>(i % 2 == 0 ? byte >> 4 : byte & 15); };
  // A pixel takes two bytes at the most, a row's end as many, and moves are few: who stores far more stores nothing of use.
  const std::size_t end = at + 4 * width * height + 4 * height + (std::size_t{1} << 20);
  while (y < height) {
    if (at > end) corrupt("it stores far more than its picture needs");
    const auto pair = file.part(at, 2);
    at += 2;
    const std::size_t count = pair[0], operation = pair[1];
    if (count > 0) {  // a run of one byte
      const std::size_t kept = fitting(count);
      for (std::size_t i = 0; i < kept; ++i) indexes[y * width + x + i] = nibbles ? half(pair[1], i) : pair[1];
      x += count;
    } else if (operation == 0) {  // the row ends
      x = 0;
      ++y;
    } else if (operation == 1) {  // the picture ends
      return indexes;
    } else if (operation == 2) {  // move
      const auto move = file.part(at, 2);
      at += 2;
      x += move[0];
      y += move[1];
    } else {  // bytes as they are, padded to 16 bits
      const std::size_t size = nibbles ? (operation + 1) / 2 : operation;
      const auto literal = file.part(at, size);
      at += size + size % 2;
      const std::size_t kept = fitting(operation);
      for (std::size_t i = 0; i < kept; ++i) indexes[y * width + x + i] = nibbles ? half(literal[i / 2], i) : literal[i];
      x += operation;
    }
  }
  return indexes;
}

void decode_indexed(const Reader& file, const Header& header, Image& image) {
  const auto palette = read_palette(file, header);
  const bool gray = header.bits == 8 && is_gray_ramp(palette, header.colors);
  image.channels = gray ? 1 : 3;
  image.indexed = !gray;
  const auto width = static_cast<std::size_t>(image.width), height = static_cast<std::size_t>(image.height);
  const std::size_t stride = (width * header.bits + 31) / 32 * 4;
  std::vector<std::uint8_t> indexes;
  if (header.compression != kNone) {
    indexes = read_run_lengths(file, header);
  } else {
    (void)file.part(header.pixels_at, stride * height);
  }
  image.pixels.resize(width * height * static_cast<std::size_t>(image.channels));
  auto* target = image.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    const std::size_t stored = header.from_above ? y : height - 1 - y;
    const std::uint8_t* row = indexes.empty() ? file.bytes.data() + header.pixels_at + stored * stride : indexes.data() + stored * width;
    for (std::size_t x = 0; x < width; ++x, target += image.channels) {
      unsigned index = 0;
      if (indexes.empty()) {
        const std::size_t bit = x * header.bits;
        index = row[bit / 8] >> (8 - header.bits - bit % 8) & ((1U << header.bits) - 1);
      } else {
        index = row[x];
      }
      if (gray) {
        *target = static_cast<std::uint8_t>(index);
      } else {
        std::copy_n(palette[index].begin(), 3, target);
      }
    }
  }
}

void decode_direct(const Reader& file, const Header& header, Image& image) {
  image.channels = header.masks[3] != 0 ? 4 : 3;
  const auto width = static_cast<std::size_t>(image.width), height = static_cast<std::size_t>(image.height);
  const std::size_t stride = (width * header.bits + 31) / 32 * 4, pixel_bytes = header.bits / 8;
  (void)file.part(header.pixels_at, stride * height);
  const auto channels = static_cast<std::size_t>(image.channels);
  std::array<int, 4> shift{};
  std::array<std::uint32_t, 4> largest{};
  for (std::size_t c = 0; c < channels; ++c) {
    shift[c] = header.masks[c] == 0 ? 0 : std::countr_zero(header.masks[c]);
    largest[c] = header.masks[c] == 0 ? 1 : header.masks[c] >> shift[c];
  }
  image.pixels.resize(width * height * channels);
  auto* target = image.pixels.data();
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* source = file.bytes.data() + header.pixels_at + (header.from_above ? y : height - 1 - y) * stride;
    for (std::size_t x = 0; x < width; ++x, source += pixel_bytes) {
      std::uint32_t pixel = 0;
      for (std::size_t i = pixel_bytes; i-- > 0;) pixel = pixel << 8 | source[i];
      for (std::size_t c = 0; c < channels; ++c)
        *target++ = static_cast<std::uint8_t>(((pixel & header.masks[c]) >> shift[c]) * 255 / largest[c]);
    }
  }
}

}  // namespace

Image decode_bmp(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  const Reader file{bytes};
  const Header header = read_header(file);
  check_size(header.width, header.height, limits);
  Image image{.width = static_cast<int>(header.width),
              .height = static_cast<int>(header.height),
              .channels = 0,
              .indexed = false,
              .format = ImageFormat::kBmp,
              .pixels = {}};
  if (header.bits <= 8) {
    decode_indexed(file, header, image);
  } else {
    decode_direct(file, header, image);
  }
  return image;
}

}  // namespace clipdex::encoder
