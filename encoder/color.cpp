#include "encoder/color.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace clipdex::encoder {

Image to_rgb(Image image) {
  if (image.channels == 3) return image;
  const auto channels = static_cast<std::size_t>(image.channels);
  const bool gray = channels <= 2;
  Pixels rgb(image.pixels.size() / channels * 3);
  for (std::size_t i = 0, j = 0; i < image.pixels.size(); i += channels, j += 3) {
    for (std::size_t c = 0; c < 3; ++c) rgb[j + c] = image.pixels[i + (gray ? 0 : c)];
  }
  image.pixels = std::move(rgb);
  image.channels = 3;
  return image;
}

void cmyk_to_rgb(Image& image, InkSamples samples) {
  const int inverted = samples == InkSamples::kInverted ? 255 : 0;
  // In place: what is written lies behind what is read.
  std::size_t j = 0;
  for (std::size_t i = 0; i + 3 < image.pixels.size(); i += 4) {
    const int white = 255 - (image.pixels[i + 3] ^ inverted);
    for (std::size_t c = 0; c < 3; ++c)
      image.pixels[j++] = static_cast<std::uint8_t>(std::max(0, white - multiply_div_255(image.pixels[i + c] ^ inverted, white)));
  }
  image.pixels.resize(j);
  image.channels = 3;
}

void unpremultiply_file(Image& rgba) {
  for (std::size_t i = 0; i + 3 < rgba.pixels.size(); i += 4) {
    const int alpha = rgba.pixels[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      auto& sample = rgba.pixels[i + c];
      sample = static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(255, 255 * sample / alpha));
    }
  }
}

Image flatten_on_white(Image image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  if (channels == 2 || channels == 4) {
    for (std::size_t i = 0; i < image.pixels.size(); i += channels) {
      const int alpha = image.pixels[i + channels - 1];
      for (std::size_t c = 0; c + 1 < channels; ++c) {
        image.pixels[i + c] = static_cast<std::uint8_t>((image.pixels[i + c] * alpha + 255 * (255 - alpha) + 127) / 255);
      }
    }
  }
  return to_rgb(std::move(image));
}

}  // namespace clipdex::encoder
