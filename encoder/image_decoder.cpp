#include "encoder/image_decoder.h"

#include <new>
#include <stdexcept>

#include "encoder/bmp.h"
#include "encoder/gif.h"
#include "encoder/heif.h"
#include "encoder/image_format.h"
#include "encoder/jpeg.h"
#include "encoder/png.h"
#include "encoder/tiff.h"
#include "encoder/webp.h"

namespace clipdex::encoder {
namespace {

Image decode_as(ImageFormat format, std::span<const std::uint8_t> bytes, const ImageLimits& limits, const DecodeOptions& options) {
  switch (format) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, limits, options);
    case ImageFormat::kPng:
      return decode_png(bytes, limits);
    case ImageFormat::kWebp:
      return decode_webp(bytes, limits);
    case ImageFormat::kGif:
      return decode_gif(bytes, limits);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return decode_heif(bytes, format, limits);
    case ImageFormat::kTiff:
      return decode_tiff(bytes, limits);
    case ImageFormat::kBmp:
      return decode_bmp(bytes, limits);
  }
  throw std::logic_error("unhandled image format");
}

}  // namespace

Image decode_image(std::span<const std::uint8_t> bytes, const ImageLimits& limits, const DecodeOptions& options) {
  if (bytes.empty()) throw ImageError(ImageError::Reason::kUnsupported, "the file is empty");
  if (bytes.size() > limits.bytes_max) {
    throw ImageError(ImageError::Reason::kTooLarge,
                     "the file has " + std::to_string(bytes.size()) + " bytes, and " + std::to_string(limits.bytes_max) + " are the limit");
  }
  const auto format = sniff_image_format(bytes);
  if (!format) {
    throw ImageError(ImageError::Reason::kUnsupported,
                     "not a JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF or BMP file: " + describe_unread(bytes));
  }
  try {
    return decode_as(*format, bytes, limits, options);
  } catch (const std::bad_alloc&) {
    throw ImageError(ImageError::Reason::kTooLarge, "there is not enough memory to decode the picture");
  }
}

}  // namespace clipdex::encoder
