#include "demo/emoji_font.h"

#include <ft2build.h>
#include <hb.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include FT_FREETYPE_H

namespace clipdex::demo {
namespace {

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Library = std::unique_ptr<std::remove_pointer_t<FT_Library>, Destroy<::FT_Done_FreeType>>;
using Face = std::unique_ptr<std::remove_pointer_t<FT_Face>, Destroy<::FT_Done_Face>>;
using ShapingFont = std::unique_ptr<hb_font_t, Destroy<::hb_font_destroy>>;
using Buffer = std::unique_ptr<hb_buffer_t, Destroy<::hb_buffer_destroy>>;

// FreeType's pixels are BGRA with the colours multiplied by alpha.
encoder::Image unpremultiplied(const FT_Bitmap& bitmap) {
  encoder::Image image{.width = static_cast<int>(bitmap.width), .height = static_cast<int>(bitmap.rows), .channels = 4};
  image.format = encoder::ImageFormat::kPng;
  image.pixels.resize(std::size_t{bitmap.width} * bitmap.rows * 4);
  std::uint8_t* out = image.pixels.data();
  for (unsigned y = 0; y < bitmap.rows; ++y) {
    const std::uint8_t* in = bitmap.buffer + static_cast<std::ptrdiff_t>(y) * bitmap.pitch;
    for (unsigned x = 0; x < bitmap.width; ++x, in += 4, out += 4) {
      const unsigned alpha = in[3];
      const auto straight = [alpha](unsigned value) {
        return static_cast<std::uint8_t>(alpha == 0 ? 0U : std::min(255U, (value * 255U + alpha / 2) / alpha));
      };
      out[0] = straight(in[2]);
      out[1] = straight(in[1]);
      out[2] = straight(in[0]);
      out[3] = in[3];
    }
  }
  return image;
}

}  // namespace

struct EmojiFont::Impl {
  Library library;
  Face face;
  ShapingFont shaping;
};

EmojiFont::EmojiFont(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  FT_Library library = nullptr;
  if (::FT_Init_FreeType(&library) != 0) throw std::runtime_error("FreeType cannot be started");
  impl_->library.reset(library);
  FT_Face face = nullptr;
  if (::FT_New_Face(library, path.c_str(), /*face_index=*/0, &face) != 0)
    throw std::runtime_error("the emoji font " + path.string() +
                             " cannot be opened: the Debian package fonts-noto-color-emoji has it; --font names another place");
  impl_->face.reset(face);
  if (face->num_fixed_sizes == 0 || ::FT_Select_Size(face, /*strike_index=*/0) != 0)
    throw std::runtime_error(path.string() + " has no colour bitmaps: Debian's fonts-noto-color-emoji has");
  hb_blob_t* blob = ::hb_blob_create_from_file_or_fail(path.c_str());
  if (blob == nullptr) throw std::runtime_error("the emoji font " + path.string() + " cannot be read");
  hb_face_t* shaped = ::hb_face_create(blob, /*index=*/0);
  ::hb_blob_destroy(blob);
  impl_->shaping.reset(::hb_font_create(shaped));
  ::hb_face_destroy(shaped);
}

EmojiFont::~EmojiFont() = default;

std::optional<encoder::Image> EmojiFont::draw(std::string_view sequence) const {
  const Buffer buffer(::hb_buffer_create());
  ::hb_buffer_add_utf8(buffer.get(), sequence.data(), static_cast<int>(sequence.size()), 0, static_cast<int>(sequence.size()));
  ::hb_buffer_guess_segment_properties(buffer.get());
  ::hb_shape(impl_->shaping.get(), buffer.get(), nullptr, 0);
  unsigned count = 0;
  const hb_glyph_info_t* glyphs = ::hb_buffer_get_glyph_infos(buffer.get(), &count);
  constexpr hb_codepoint_t kMissing = 0;
  if (count != 1 || glyphs[0].codepoint == kMissing) return std::nullopt;
  if (::FT_Load_Glyph(impl_->face.get(), glyphs[0].codepoint, FT_LOAD_COLOR) != 0) return std::nullopt;
  const FT_Bitmap& bitmap = impl_->face->glyph->bitmap;
  if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || bitmap.width == 0 || bitmap.rows == 0) return std::nullopt;
  return unpremultiplied(bitmap);
}

}  // namespace clipdex::demo
