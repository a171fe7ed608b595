#include "encoder/gif.h"

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "encoder/image_limits.h"

namespace clipdex::encoder {
namespace {

struct Close {
  void operator()(GifFileType* file) const { ::DGifCloseFile(file, nullptr); }
};

using Unread = std::span<const std::uint8_t>;

[[noreturn]] void corrupt(int error) {
  if (error == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
  const char* reason = ::GifErrorString(error);
  throw ImageError(ImageError::Reason::kCorrupt,
                   std::string("the GIF file is damaged: ") + (reason != nullptr ? reason : "its first picture cannot be read"));
}

void check(int result, const GifFileType& file) {
  if (result == GIF_ERROR) corrupt(file.Error);
}

int read(GifFileType* file, GifByteType* target, int size) {
  auto& unread = *static_cast<Unread*>(file->UserData);
  const std::size_t count = std::min(unread.size(), static_cast<std::size_t>(size));
  std::copy_n(unread.begin(), count, target);
  unread = unread.subspan(count);
  return static_cast<int>(count);
}

// Reads up to the first frame's pixels. Returns the transparent colour's index, if there is one.
std::optional<std::uint8_t> seek_first_frame(GifFileType& file) {
  std::optional<std::uint8_t> transparent;
  for (;;) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    check(::DGifGetRecordType(&file, &type), file);
    if (type == IMAGE_DESC_RECORD_TYPE) {
      check(::DGifGetImageDesc(&file), file);
      return transparent;
    }
    if (type != EXTENSION_RECORD_TYPE) corrupt(D_GIF_ERR_NO_IMAG_DSCR);
    int code = 0;
    GifByteType* block = nullptr;
    check(::DGifGetExtension(&file, &code, &block), file);
    while (block != nullptr) {
      constexpr int kControlBytes = 4, kTransparentFlag = 1;
      if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= kControlBytes && (block[1] & kTransparentFlag) != 0) transparent = block[4];
      check(::DGifGetExtensionNext(&file, &block), file);
    }
  }
}

using Color = std::array<std::uint8_t, 3>;
using Palette = std::array<Color, 256>;

// Nothing if Pillow sees no palette: none is there, or it is the gray ramp.
std::optional<Palette> palette_of(const GifFileType& file) {
  const ColorMapObject* map = file.Image.ColorMap != nullptr ? file.Image.ColorMap : file.SColorMap;
  if (map == nullptr) return std::nullopt;
  Palette palette{};
  bool ramp = true;
  for (int i = 0; i < map->ColorCount && i < 256; ++i) {
    const auto& color = map->Colors[i];
    palette[static_cast<std::size_t>(i)] = {color.Red, color.Green, color.Blue};
    ramp = ramp && color.Red == i && color.Green == i && color.Blue == i;
  }
  return ramp ? std::nullopt : std::optional(palette);
}

// The rows in the order in which they are stored: GIF89a, appendix E.
std::vector<int> row_order(int height, bool interlaced) {
  std::vector<int> rows;
  rows.reserve(static_cast<std::size_t>(height));
  if (!interlaced) {
    for (int y = 0; y < height; ++y) rows.push_back(y);
    return rows;
  }
  constexpr std::array<std::array<int, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  for (const auto& [first, step] : kPasses) {
    for (int y = first; y < height; y += step) rows.push_back(y);
  }
  return rows;
}

}  // namespace

Image decode_gif(std::span<const std::uint8_t> bytes, const ImageLimits& limits) {
  Unread unread = bytes;
  int error = 0;
  const std::unique_ptr<GifFileType, Close> file(::DGifOpen(&unread, read, &error));
  if (!file) corrupt(error);
  const auto transparent = seek_first_frame(*file);
  const GifImageDesc& frame = file->Image;
  if (frame.Width < 1 || frame.Height < 1) corrupt(D_GIF_ERR_IMAGE_DEFECT);
  const int width = std::max(file->SWidth, frame.Left + frame.Width);
  const int height = std::max(file->SHeight, frame.Top + frame.Height);
  check_size(width, height, limits);
  const auto palette = palette_of(*file);
  Image image{.width = width,
              .height = height,
              .channels = palette ? 3 : 1,
              .indexed = palette.has_value(),
              .format = ImageFormat::kGif,
              .pixels = {}};
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto put = [&](std::uint8_t* target, std::uint8_t index) {
    if (palette) {
      std::copy_n((*palette)[index].begin(), 3, target);
    } else {
      *target = index;
    }
  };
  // As they are stored: memory is taken as rows come, not as the header promises.
  const auto frame_width = static_cast<std::size_t>(frame.Width);
  std::vector<GifPixelType> indexes;
  indexes.reserve(frame_width * static_cast<std::size_t>(frame.Height));
  for (int row = 0; row < frame.Height; ++row) {
    indexes.resize(indexes.size() + frame_width);
    check(::DGifGetLine(file.get(), indexes.data() + indexes.size() - frame_width, frame.Width), *file);
  }
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * channels);
  if (frame.Width != width || frame.Height != height) {
    for (std::size_t i = 0; i < image.pixels.size(); i += channels) put(image.pixels.data() + i, transparent.value_or(0));
  }
  const GifPixelType* index = indexes.data();
  for (const int row : row_order(frame.Height, frame.Interlace)) {
    auto* target =
        image.pixels.data() +
        (static_cast<std::size_t>(frame.Top + row) * static_cast<std::size_t>(width) + static_cast<std::size_t>(frame.Left)) * channels;
    for (std::size_t x = 0; x < frame_width; ++x, target += channels) put(target, *index++);
  }
  return image;
}

}  // namespace clipdex::encoder
