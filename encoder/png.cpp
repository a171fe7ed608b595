#include "encoder/png.h"

#include <spng.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "encoder/exif.h"
#include "encoder/image_limits.h"

namespace clipdex::encoder {
namespace {

constexpr std::size_t kChunkBytesMax = std::size_t{8} << 20;        // of one text, profile or EXIF chunk
constexpr std::size_t kChunkCacheBytesMax = std::size_t{16} << 20;  // of all of them together

struct Free {
  void operator()(spng_ctx* context) const { ::spng_ctx_free(context); }
};

void check(int result) {
  if (result != 0) throw ImageError(ImageError::Reason::kCorrupt, std::string("the PNG file is damaged: ") + ::spng_strerror(result));
}

struct Layout {
  int channels;
  spng_format format;
  std::size_t bytes_per_sample = 1;
};

Layout layout_of(const spng_ihdr& header) {
  switch (header.color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
      return header.bit_depth == 16 ? Layout{1, SPNG_FMT_PNG, 2} : Layout{1, SPNG_FMT_G8};
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
      return header.bit_depth == 16 ? Layout{2, SPNG_FMT_PNG, 2} : Layout{2, SPNG_FMT_PNG};
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
      return header.bit_depth == 16 ? Layout{4, SPNG_FMT_PNG, 2} : Layout{4, SPNG_FMT_RGBA8};
    case SPNG_COLOR_TYPE_TRUECOLOR:
      return header.bit_depth == 16 ? Layout{3, SPNG_FMT_PNG, 2} : Layout{3, SPNG_FMT_RGB8};
    default:  // a palette
      return {3, SPNG_FMT_RGB8};
  }
}

// samples: native-endian 16-bit.
Pixels narrow(const Pixels& samples, bool clip) {
  Pixels narrowed(samples.size() / 2);
  for (std::size_t i = 0; i < narrowed.size(); ++i) {
    std::uint16_t value = 0;
    std::memcpy(&value, samples.data() + 2 * i, sizeof value);
    narrowed[i] = static_cast<std::uint8_t>(clip ? std::min<int>(value, 255) : value >> 8);
  }
  return narrowed;
}

}  // namespace

Image decode_png(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  const std::unique_ptr<spng_ctx, Free> context(::spng_ctx_new(SPNG_CTX_IGNORE_ADLER32));
  if (!context) throw std::bad_alloc();
  // Every chunk has a CRC; a second checksum over the pixels would say the same.
  constexpr std::uint32_t kFormatSideMax = 0x7FFFFFFF;  // our own limits follow, with a better message
  check(::spng_set_image_limits(context.get(), kFormatSideMax, kFormatSideMax));
  check(::spng_set_chunk_limits(context.get(), kChunkBytesMax, kChunkCacheBytesMax));
  // Damage in text or colour profiles does not matter here.
  check(::spng_set_crc_action(context.get(), SPNG_CRC_ERROR, SPNG_CRC_DISCARD));
  check(::spng_set_png_buffer(context.get(), bytes.data(), bytes.size()));
  spng_ihdr header{};
  check(::spng_get_ihdr(context.get(), &header));
  check_size(header.width, header.height, limits);
  const Layout layout = layout_of(header);
  std::size_t size = 0;
  check(::spng_decoded_image_size(context.get(), layout.format, &size));
  // Deflate packs 1032 bytes in one at best: what is missing is missed before memory is taken for it.
  constexpr std::uint64_t kDeflateRatioMax = 1032;
  const std::uint64_t packed_bits = std::uint64_t{header.width} * header.height * header.bit_depth;
  if (packed_bits / 8 > bytes.size() * kDeflateRatioMax)
    throw ImageError(ImageError::Reason::kCorrupt, "the PNG file is damaged: it is too short for a picture of its size");
  Image image{.width = static_cast<int>(header.width),
              .height = static_cast<int>(header.height),
              .channels = layout.channels,
              .indexed = header.color_type == SPNG_COLOR_TYPE_INDEXED || header.bit_depth == 1,
              .format = ImageFormat::kPng,
              .pixels = Pixels(size)};
  check(::spng_decode_image(context.get(), image.pixels.data(), size, layout.format, /*flags=*/0));
  if (layout.bytes_per_sample == 2) image.pixels = narrow(image.pixels, /*clip=*/layout.channels == 1);
  int orientation = 1;
  spng_exif exif{};
  if (::spng_get_exif(context.get(), &exif) == 0) {
    orientation = exif_orientation({reinterpret_cast<const std::uint8_t*>(exif.data), exif.length});
  }
  return apply_orientation(std::move(image), orientation);
}

}  // namespace clipdex::encoder
