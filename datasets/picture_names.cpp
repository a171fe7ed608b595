#include "datasets/picture_names.h"

#include <algorithm>
#include <array>

#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

constexpr std::array<std::string_view, 13> kExtensions = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif",
                                                          ".hif", ".avif", ".tif", ".tiff", ".bmp", ".dib"};

}  // namespace

std::string picture_extensions() {
  std::string text;
  for (const auto extension : kExtensions) text += (text.empty() ? "" : ", ") + std::string(extension);
  return text;
}

bool has_picture_ending(const std::filesystem::path& name) {
  return std::find(kExtensions.begin(), kExtensions.end(), lower_ascii(name.extension().string())) != kExtensions.end();
}

bool is_tar_name(std::string_view name) {
  const std::string text = lower_ascii(std::string(name));
  return text.ends_with(".tar") || text.ends_with(".tar.gz") || text.ends_with(".tgz") || text.ends_with(".tar.zst");
}

}  // namespace clipdex::datasets
