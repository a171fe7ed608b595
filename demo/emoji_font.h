// Emoji as pictures, from a font of colour bitmaps. The home of FreeType and HarfBuzz.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "encoder/image.h"

namespace clipdex::demo {

// One thread at a time.
class EmojiFont {
 public:
  // Throws std::runtime_error if it cannot be opened, which names the Debian package, or has no colour bitmaps.
  explicit EmojiFont(const std::filesystem::path& path);
  ~EmojiFont();
  EmojiFont(const EmojiFont&) = delete;
  EmojiFont& operator=(const EmojiFont&) = delete;

  // RGBA, not premultiplied, in the bitmap's own size (136 x 128 in Noto's font). Nothing if the font does not have the sequence as one
  // glyph: a family that it would draw as a row of persons, or a character that it lacks.
  std::optional<encoder::Image> draw(std::string_view sequence) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::demo
