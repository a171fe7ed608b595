#include "encoder/image_format.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace clipdex::encoder {
namespace {

using namespace std::string_view_literals;

std::string_view beginning(std::span<const std::uint8_t> file) {
  constexpr std::size_t kSniffed = 256;
  return {reinterpret_cast<const char*>(file.data()), std::min(file.size(), kSniffed)};
}

struct Signature {
  std::size_t offset;
  std::string_view magic;
  bool matches(std::string_view start) const { return start.size() >= offset && start.substr(offset).starts_with(magic); }
};

// The brands of an ISO base media file's first box tell HEIC and AVIF from videos: ISO/IEC 23008-12, 10 (HEIC), and AVIF 1.1, 6.
std::optional<ImageFormat> heif_format(std::string_view start) {
  constexpr std::size_t kBrandBytes = 4, kMajorBrandAt = 8, kMinorVersionAt = 12;
  if (!Signature{4, "ftyp"}.matches(start)) return std::nullopt;
  std::size_t box = 0;
  for (std::size_t i = 0; i < 4; ++i) box = box << 8 | static_cast<std::uint8_t>(start[i]);
  const auto brands = start.substr(0, box);
  bool heif = false;
  for (std::size_t at = kMajorBrandAt; at + kBrandBytes <= brands.size(); at += kBrandBytes) {
    if (at == kMinorVersionAt) continue;
    const auto brand = brands.substr(at, kBrandBytes);
    if (brand == "avif" || brand == "avis") return ImageFormat::kAvif;
    for (const auto known : {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1", "miaf"}) {
      if (brand == known) heif = true;
    }
  }
  return heif ? std::optional(ImageFormat::kHeic) : std::nullopt;
}

}  // namespace

std::string_view image_format_name(ImageFormat format) {
  constexpr std::array<std::string_view, 8> kNames = {"jpeg", "png", "webp", "gif", "heic", "avif", "tiff", "bmp"};
  return kNames.at(static_cast<std::size_t>(format));
}

std::optional<ImageFormat> sniff_image_format(std::span<const std::uint8_t> file) {
  static constexpr std::array<std::pair<Signature, ImageFormat>, 9> kSignatures = {{{{0, "\xFF\xD8\xFF"}, ImageFormat::kJpeg},
                                                                                    {{0, "\x89PNG\r\n\x1A\n"}, ImageFormat::kPng},
                                                                                    {{0, "GIF87a"}, ImageFormat::kGif},
                                                                                    {{0, "GIF89a"}, ImageFormat::kGif},
                                                                                    {{0, "II*\0"sv}, ImageFormat::kTiff},
                                                                                    {{0, "MM\0*"sv}, ImageFormat::kTiff},
                                                                                    {{0, "II+\0"sv}, ImageFormat::kTiff},  // BigTIFF
                                                                                    {{0, "MM\0+"sv}, ImageFormat::kTiff},
                                                                                    {{0, "BM"}, ImageFormat::kBmp}}};
  const auto start = beginning(file);
  if (start.starts_with("RIFF") && Signature{8, "WEBP"}.matches(start)) return ImageFormat::kWebp;
  for (const auto& [signature, format] : kSignatures) {
    if (signature.matches(start)) return format;
  }
  return heif_format(start);
}

std::string describe_unread(std::span<const std::uint8_t> file) {
  static constexpr std::array<std::pair<Signature, std::string_view>, 9> kKnown = {{{{4, "ftypcrx "}, "a Canon raw"},
                                                                                    {{4, "ftyp"}, "a video"},
                                                                                    {{4, "JXL "}, "a JPEG XL"},
                                                                                    {{0, "\xFF\x0A"}, "a JPEG XL"},
                                                                                    {{4, "jP  "}, "a JPEG 2000"},
                                                                                    {{0, "8BPS"}, "a Photoshop"},
                                                                                    {{0, "%PDF"}, "a PDF"},
                                                                                    {{0, "<svg"}, "an SVG"},
                                                                                    {{0, "<"}, "a web page or SVG"}}};
  const auto start = beginning(file);
  for (const auto& [signature, name] : kKnown) {
    if (signature.matches(start)) return "it looks like " + std::string(name) + " file";
  }
  return "its first bytes are of no known picture format";
}

}  // namespace clipdex::encoder
