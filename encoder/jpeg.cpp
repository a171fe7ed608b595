#include "encoder/jpeg.h"

#include <turbojpeg.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "encoder/exif.h"
#include "encoder/image_limits.h"

namespace clipdex::encoder {
namespace {

struct Destroy {
  void operator()(void* handle) const { ::tjDestroy(handle); }
};
using Handle = std::unique_ptr<std::remove_pointer_t<tjhandle>, Destroy>;

[[noreturn]] void corrupt(const std::string& message) {
  throw ImageError(ImageError::Reason::kCorrupt, "the JPEG file is damaged: " + message);
}

// Cameras leave stray bytes between segments, odd revisions and odd Adobe markers; every decoder reads such files.
bool is_harmless(std::string_view message) {
  for (const auto* known : {"extraneous bytes", "Adobe", "JFIF revision"}) {
    if (message.find(known) != std::string_view::npos) return true;
  }
  return false;
}

struct Header {
  int width = 0, height = 0;
  int colorspace = 0;
};

Header read_header(tjhandle handle, std::span<const std::uint8_t> bytes) {
  Header header;
  int subsampling = 0;
  if (::tjDecompressHeader3(handle, bytes.data(), bytes.size(), &header.width, &header.height, &subsampling, &header.colorspace) == 0)
    return header;
  const std::string message = ::tjGetErrorStr2(handle);
  // TurboJPEG has no name for some subsamplings (as of CMYK), and says so after it has read the header; decoding does not need the name.
  const bool is_read = header.width > 0 && (is_harmless(message) || message.find("subsampling type") != std::string::npos);
  if (!is_read) corrupt(message);
  return header;
}

// Whether the file goes on to its end-of-image marker, stray bytes between segments aside.
bool reaches_end_of_image(std::span<const std::uint8_t> file) {
  constexpr std::uint8_t kTemporary = 0x01, kRestartFirst = 0xD0, kStartOfImage = 0xD8, kEndOfImage = 0xD9;
  for (std::size_t at = 0; at + 1 < file.size();) {
    const std::uint8_t marker = file[at + 1];
    const bool is_marker = file[at] == 0xFF && marker != 0 && marker != 0xFF;
    const bool is_bare = marker == kTemporary || (marker >= kRestartFirst && marker <= kStartOfImage);
    if (is_marker && marker == kEndOfImage) return true;
    if (!is_marker || is_bare) {  // within a scan, or before the next segment
      at += is_marker ? 2 : 1;
      continue;
    }
    if (at + 4 > file.size()) return false;
    at += 2 + (static_cast<std::size_t>(file[at + 2]) << 8 | file[at + 3]);
  }
  return false;
}

void decode_pixels(tjhandle handle, std::span<const std::uint8_t> bytes, int pixel_format, Image& image) {
  // Returns what TurboJPEG had to say, nothing if all was well.
  const auto attempt = [&](int flags) -> std::string {
    const int result = ::tjDecompress2(handle, bytes.data(), bytes.size(), image.pixels.data(), image.width, /*pitch=*/0, image.height,
                                       pixel_format, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | flags);
    return result == 0 ? "" : ::tjGetErrorStr2(handle);
  };
  const std::string first = attempt(TJFLAG_STOPONWARNING);
  if (first.empty()) return;
  if (!is_harmless(first)) corrupt(first);
  // Of a whole run, libjpeg reports an error or else the first warning. A premature end that follows a harmless warning stays unsaid, and
  // is looked for here.
  const std::string last = attempt(0);
  if (!last.empty() && last != first) corrupt(last);
  if (!reaches_end_of_image(bytes)) corrupt("it ends too early");
}

std::uint8_t multiply_div_255(int a, int b) {  // Pillow's MULDIV255
  const int t = a * b + 128;
  return static_cast<std::uint8_t>(((t >> 8) + t) >> 8);
}

// Pillow's cmyk2rgb. Pillow takes every CMYK file as Adobe's, marker or not: a sample is 255 - ink.
void cmyk_to_rgb(Image& image) {
  std::vector<std::uint8_t> rgb(image.pixels.size() / 4 * 3);
  for (std::size_t i = 0, j = 0; i < image.pixels.size(); i += 4, j += 3) {
    const int nk = image.pixels[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int ink = 255 - image.pixels[i + c];
      rgb[j + c] = static_cast<std::uint8_t>(std::max(0, nk - multiply_div_255(ink, nk)));
    }
  }
  image.pixels = std::move(rgb);
  image.channels = 3;
}

}  // namespace

Image decode_jpeg(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  const Handle handle(::tjInitDecompress());
  if (!handle) throw std::runtime_error("libjpeg-turbo cannot be initialised");
  const auto [width, height, colorspace] = read_header(handle.get(), bytes);
  check_size(width, height, limits);
  const bool gray = colorspace == TJCS_GRAY;
  const bool cmyk = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  Image image{.width = width,
              .height = height,
              .channels = gray   ? 1
                          : cmyk ? 4
                                 : 3,
              .indexed = false,
              .format = ImageFormat::kJpeg,
              .pixels = {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(image.channels));
  decode_pixels(handle.get(), bytes, gray ? TJPF_GRAY : cmyk ? TJPF_CMYK : TJPF_RGB, image);
  if (cmyk) cmyk_to_rgb(image);
  return apply_orientation(std::move(image), jpeg_orientation(bytes));
}

std::string encode_jpeg(const Image& rgb, int quality) {
  const Handle handle(::tjInitCompress());
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const int result = handle ? ::tjCompress2(handle.get(), rgb.pixels.data(), rgb.width, /*pitch=*/0, rgb.height, TJPF_RGB, &data, &size,
                                            TJSAMP_420, quality, /*flags=*/0)
                            : -1;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(data, ::tjFree);
  if (result != 0) throw std::runtime_error("a thumbnail cannot be encoded as JPEG");
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace clipdex::encoder
