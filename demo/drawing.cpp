#include "demo/drawing.h"

#include <algorithm>

#include "encoder/resize.h"

namespace clipdex::demo {
namespace {

std::uint8_t between(std::uint8_t first, std::uint8_t second, int at, int of) {
  return static_cast<std::uint8_t>((first * (of - at) + second * at + of / 2) / of);
}

encoder::Image painted(const Background& background, int side) {
  encoder::Image image{.width = side, .height = side, .channels = 3};
  image.pixels.resize(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3);
  std::uint8_t* out = image.pixels.data();
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x, out += 3) {
      int at = background.downwards ? y : x;
      const int last = std::max(1, side - 1);
      if (background.pattern == Background::Pattern::kTwoTone) at = 2 * at < side ? 0 : last;
      out[0] = between(background.first.red, background.second.red, at, last);
      out[1] = between(background.first.green, background.second.green, at, last);
      out[2] = between(background.first.blue, background.second.blue, at, last);
    }
  }
  return image;
}

// x * y / 255, rounded, for bytes.
int product(int x, int y) { return (x * y + 127) / 255; }

void lay(const encoder::Image& emoji, int left, int top, encoder::Image& on) {
  for (int y = std::max(0, -top); y < std::min(emoji.height, on.height - top); ++y) {
    for (int x = std::max(0, -left); x < std::min(emoji.width, on.width - left); ++x) {
      const auto* in = &emoji.pixels[static_cast<std::size_t>(y * emoji.width + x) * 4];
      auto* out = &on.pixels[static_cast<std::size_t>((top + y) * on.width + left + x) * 3];
      for (int channel = 0; channel < 3; ++channel)
        out[channel] = static_cast<std::uint8_t>(std::min(255, product(in[channel], in[3]) + product(out[channel], 255 - in[3])));
    }
  }
}

void draw(const encoder::Image& emoji, const Box& box, encoder::Image& on) {
  const auto pixels = [side = on.width](int units) { return (units * side + kUnits / 2) / kUnits; };
  const int room = std::max(1, pixels(box.side)), longer = std::max(emoji.width, emoji.height);
  const int width = std::max(1, emoji.width * room / longer), height = std::max(1, emoji.height * room / longer);
  const auto scaled = encoder::resize(emoji, width, height, encoder::Interpolation::kBicubic);
  lay(scaled, pixels(box.left) + (room - width) / 2, pixels(box.top) + (room - height) / 2, on);
}

}  // namespace

encoder::Image draw(const Scene& scene, const EmojiSet& set, int side) {
  auto image = painted(scene.background, side);
  for (const auto& group : scene.groups) {
    for (const auto& box : group.boxes) draw(set.emoji[group.emoji].picture, box, image);
  }
  return image;
}

}  // namespace clipdex::demo
