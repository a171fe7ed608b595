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

[[noreturn]] void corrupt(tjhandle handle) {
  throw ImageError(ImageError::Reason::kCorrupt, std::string("the JPEG file is damaged: ") + ::tjGetErrorStr2(handle));
}

// Cameras leave stray bytes between segments and odd Adobe markers; every decoder reads such files.
bool is_harmless(tjhandle handle) {
  const std::string_view message = ::tjGetErrorStr2(handle);
  return message.find("extraneous bytes") != std::string_view::npos || message.find("Adobe") != std::string_view::npos;
}

std::uint8_t multiply_div_255(int a, int b) {  // Pillow's MULDIV255
  const int t = a * b + 128;
  return static_cast<std::uint8_t>(((t >> 8) + t) >> 8);
}

// Pillow's cmyk2rgb. Adobe's files store CMYK inverted and Pillow inverts them on loading, so that a sample here is 255 - ink.
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

// Whether there is an APP14 segment of Adobe's, before which CMYK samples are not inverted.
bool has_adobe_marker(std::span<const std::uint8_t> file) {
  for (std::size_t at = 2; at + 4 <= file.size() && file[at] == 0xFF && file[at + 1] != 0xDA;) {
    const std::size_t length = static_cast<std::size_t>(file[at + 2]) << 8 | file[at + 3];
    if (file[at + 1] == 0xEE && length >= 14 && at + 9 <= file.size() && std::string_view(reinterpret_cast<const char*>(&file[at + 4]), 5) == "Adobe") return true;
    at += file[at + 1] == 0xFF ? 1 : 2 + length;
  }
  return false;
}

}  // namespace

Image decode_jpeg(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  const Handle handle(::tjInitDecompress());
  if (!handle) throw std::runtime_error("libjpeg-turbo cannot be initialised");
  int width = 0, height = 0, subsampling = 0, colorspace = 0;
  if (::tjDecompressHeader3(handle.get(), bytes.data(), bytes.size(), &width, &height, &subsampling, &colorspace) != 0) corrupt(handle.get());
  check_size(width, height, limits);
  const bool gray = colorspace == TJCS_GRAY;
  const bool cmyk = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  Image image{.width = width, .height = height, .channels = gray ? 1 : cmyk ? 4 : 3, .indexed = false, .format = ImageFormat::kJpeg, .pixels = {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(image.channels));
  const int pixel_format = gray ? TJPF_GRAY : cmyk ? TJPF_CMYK : TJPF_RGB;
  const auto decompress = [&](int flags) {
    return ::tjDecompress2(handle.get(), bytes.data(), bytes.size(), image.pixels.data(), width, /*pitch=*/0, height, pixel_format,
                           TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | flags) == 0;
  };
  // A second time only for the rare file with a harmless defect: TurboJPEG does not tell a warning from an error that follows one.
  if (!decompress(TJFLAG_STOPONWARNING) && !(is_harmless(handle.get()) && (decompress(0) || is_harmless(handle.get())))) corrupt(handle.get());
  if (cmyk) {
    if (!has_adobe_marker(bytes)) {
      for (auto& sample : image.pixels) sample = static_cast<std::uint8_t>(255 - sample);
    }
    cmyk_to_rgb(image);
  }
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
