#include "encoder/webp.h"

#include <webp/decode.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "encoder/exif.h"
#include "encoder/image_limits.h"

namespace clipdex::encoder {
namespace {

using Span = std::span<const std::uint8_t>;

[[noreturn]] void corrupt(const std::string& message) {
  throw ImageError(ImageError::Reason::kCorrupt, "the WebP file is damaged: " + message);
}

void check(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK:
      return;
    case VP8_STATUS_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      corrupt("it ends too early");
    default:
      corrupt("its picture cannot be read");
  }
}

std::uint32_t little_endian(Span bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

// The payload of the first chunk of that name. WebP's container: RIFF, chunks of name, size and padded payload.
std::optional<Span> find_chunk(Span file, std::string_view name) {
  constexpr std::size_t kFileHeaderBytes = 12, kChunkHeaderBytes = 8;
  for (std::size_t at = kFileHeaderBytes; at + kChunkHeaderBytes <= file.size();) {
    const std::size_t size = little_endian(file, at + 4, 4);
    const std::size_t left = file.size() - at - kChunkHeaderBytes;
    if (size > left) return std::nullopt;
    if (std::memcmp(file.data() + at, name.data(), name.size()) == 0) return file.subspan(at + kChunkHeaderBytes, size);
    at += kChunkHeaderBytes + size + size % 2;
  }
  return std::nullopt;
}

WebPBitstreamFeatures features_of(Span bytes) {
  WebPBitstreamFeatures features{};
  check(::WebPGetFeatures(bytes.data(), bytes.size(), &features));
  return features;
}

struct Frame {
  int x, y, width, height;
  Span picture;
};

// Decodes a still picture to where the frame lies in the image, whose pixels are made here.
void decode_frame(const Frame& frame, Image& image) {
  const auto channels = static_cast<std::size_t>(image.channels), stride = static_cast<std::size_t>(image.width) * channels;
  const std::size_t offset = static_cast<std::size_t>(frame.y) * stride + static_cast<std::size_t>(frame.x) * channels;
  const std::size_t row = static_cast<std::size_t>(frame.width) * channels, rows = static_cast<std::size_t>(frame.height);
  const bool whole = frame.width == image.width && frame.height == image.height;
  // What a frame leaves uncovered is transparent black.
  const auto make_pixels = [&] {
    const std::size_t size = stride * static_cast<std::size_t>(image.height);
    if (whole) {
      image.pixels.resize(size);
    } else {
      image.pixels.assign(size, 0);
    }
  };
  // So few bytes for so many pixels may not be all that the picture needs: then libwebp takes memory, as it decodes. And the canvas of a
  // frame that is not all of it is made when there is something to put on it.
  constexpr std::size_t kPixelsPerByteExpected = 256;
  const bool doubtful = !whole || static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) / kPixelsPerByteExpected >
                                      frame.picture.size();
  WebPDecoderConfig config;
  if (::WebPInitDecoderConfig(&config) == 0) throw std::runtime_error("libwebp is of another version than its headers");
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  if (!doubtful) {
    make_pixels();
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {image.pixels.data() + offset, static_cast<int>(stride), stride * (rows - 1) + row};
  }
  const auto status = ::WebPDecode(frame.picture.data(), frame.picture.size(), &config);
  const std::unique_ptr<WebPDecBuffer, void (*)(WebPDecBuffer*)> owner(&config.output, ::WebPFreeDecBuffer);
  check(status);
  if (!doubtful) return;
  make_pixels();
  const auto& decoded = config.output.u.RGBA;
  for (std::size_t y = 0; y < rows; ++y)
    std::copy_n(decoded.rgba + y * static_cast<std::size_t>(decoded.stride), row, image.pixels.data() + offset + y * stride);
}

Frame first_frame(Span file) {
  constexpr std::size_t kFrameHeaderBytes = 16;
  const auto chunk = find_chunk(file, "ANMF");
  if (!chunk || chunk->size() < kFrameHeaderBytes) corrupt("its animation has no whole frame");
  const auto number = [&](std::size_t at) { return static_cast<int>(little_endian(*chunk, at, 3)); };
  return {2 * number(0), 2 * number(3), number(6) + 1, number(9) + 1, chunk->subspan(kFrameHeaderBytes)};
}

int orientation_of(Span file) {
  constexpr std::uint8_t kPrefix[] = {'E', 'x', 'i', 'f', 0, 0};  // which some writers leave in, as in JPEG
  auto exif = find_chunk(file, "EXIF");
  if (!exif) return 1;
  if (exif->size() > sizeof kPrefix && std::memcmp(exif->data(), kPrefix, sizeof kPrefix) == 0) exif = exif->subspan(sizeof kPrefix);
  return exif_orientation(*exif);
}

}  // namespace

Image decode_webp(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  constexpr std::size_t kRiffHeaderBytes = 8;
  if (bytes.size() < kRiffHeaderBytes || little_endian(bytes, 4, 4) > bytes.size() - kRiffHeaderBytes) corrupt("it ends too early");
  const auto file = bytes.first(kRiffHeaderBytes + little_endian(bytes, 4, 4));
  const auto features = features_of(file);
  check_size(features.width, features.height, limits);
  Image image{.width = features.width,
              .height = features.height,
              .channels = features.has_alpha != 0 ? 4 : 3,
              .indexed = false,
              .format = ImageFormat::kWebp,
              .pixels = {}};
  if (features.has_animation == 0) {
    decode_frame({0, 0, image.width, image.height, file}, image);
  } else {
    const Frame frame = first_frame(file);
    if (frame.x + frame.width > image.width || frame.y + frame.height > image.height) corrupt("its first frame exceeds the canvas");
    // A frame's own header decides what is decoded: it must not be larger than what was checked.
    const auto inner = features_of(frame.picture);
    if (inner.width != frame.width || inner.height != frame.height) corrupt("its first frame is not of the size that it should be");
    decode_frame(frame, image);
  }
  return apply_orientation(std::move(image), orientation_of(file));
}

}  // namespace clipdex::encoder
