#include "encoder/image_decoder.h"

#include <array>
#include <new>
#include <string_view>

#include "encoder/jpeg.h"
#include "encoder/png.h"

namespace clipdex::encoder {
namespace {

std::string_view beginning(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kSniffed = 16;
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kSniffed)};
}

bool is_jpeg(std::string_view start) { return start.starts_with("\xFF\xD8\xFF"); }
bool is_png(std::string_view start) { return start.starts_with("\x89PNG\r\n\x1A\n"); }

// Names what people are likely to send, so that the message helps.
std::string recognised(std::string_view start) {
  struct Known {
    std::size_t offset;
    std::string_view magic, name;
  };
  static constexpr std::array<Known, 12> kKnown = {{{0, "GIF8", "a GIF"},
                                                    {8, "WEBP", "a WebP"},
                                                    {4, "ftypheic", "a HEIC"},
                                                    {4, "ftypmif1", "a HEIF"},
                                                    {4, "ftypavif", "an AVIF"},
                                                    {4, "ftyp", "a video or HEIF"},
                                                    {0, "BM", "a BMP"},
                                                    {0, std::string_view("II*\0", 4), "a TIFF"},
                                                    {0, std::string_view("MM\0*", 4), "a TIFF"},
                                                    {0, "%PDF", "a PDF"},
                                                    {0, "<svg", "an SVG"},
                                                    {0, "<", "a web page or SVG"}}};
  for (const auto& known : kKnown) {
    if (start.size() >= known.offset && start.substr(known.offset).starts_with(known.magic))
      return "it looks like " + std::string(known.name) + " file";
  }
  return "its first bytes are of no known picture format";
}

}  // namespace

std::string_view image_format_name(ImageFormat format) { return format == ImageFormat::kJpeg ? "jpeg" : "png"; }

Image decode_image(std::span<const std::uint8_t> bytes, const ImageLimits& limits, const DecodeOptions& options) {
  if (bytes.empty()) throw ImageError(ImageError::Reason::kUnsupported, "the file is empty");
  if (bytes.size() > limits.bytes_max) {
    throw ImageError(ImageError::Reason::kTooLarge,
                     "the file has " + std::to_string(bytes.size()) + " bytes, and " + std::to_string(limits.bytes_max) + " are the limit");
  }
  const auto start = beginning(bytes);
  try {
    if (is_jpeg(start)) return decode_jpeg(bytes, limits, options);
    if (is_png(start)) return decode_png(bytes, limits);
  } catch (const std::bad_alloc&) {
    throw ImageError(ImageError::Reason::kTooLarge, "there is not enough memory to decode the picture");
  }
  throw ImageError(ImageError::Reason::kUnsupported, "not a JPEG or PNG file: " + recognised(start));
}

}  // namespace clipdex::encoder
