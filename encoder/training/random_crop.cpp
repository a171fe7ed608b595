#include "encoder/training/random_crop.h"

#include <algorithm>
#include <cmath>

#include "encoder/color.h"
#include "encoder/resize.h"

namespace clipdex::training {
namespace {

encoder::Image crop(const encoder::Image& image, const encoder::Window& window) {
  encoder::Image part{
      .width = window.width, .height = window.height, .channels = image.channels, .indexed = image.indexed, .format = image.format};
  const auto bytes = static_cast<std::size_t>(image.channels);
  const auto row = static_cast<std::size_t>(window.width) * bytes;
  part.pixels.resize(row * static_cast<std::size_t>(window.height));
  for (int y = 0; y < window.height; ++y) {
    const auto from =
        (static_cast<std::size_t>(window.top + y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(window.left)) * bytes;
    std::copy_n(image.pixels.data() + from, row, part.pixels.data() + static_cast<std::size_t>(y) * row);
  }
  return part;
}

}  // namespace

encoder::Window random_window(int width, int height, const CropOptions& options, RandomStream& random) {
  constexpr int kAttempts = 10;
  const double area = static_cast<double>(width) * height;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double target = area * random.uniform(options.scale_min, options.scale_max);
    const double ratio = std::exp(random.uniform(std::log(options.ratio_min), std::log(options.ratio_max)));
    const int w = static_cast<int>(std::lround(std::sqrt(target * ratio)));
    const int h = static_cast<int>(std::lround(std::sqrt(target / ratio)));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const int top = static_cast<int>(random.below(static_cast<std::size_t>(height - h) + 1));
    const int left = static_cast<int>(random.below(static_cast<std::size_t>(width - w) + 1));
    return {.left = left, .top = top, .width = w, .height = h};
  }
  const double ratio = static_cast<double>(width) / height;
  int w = width, h = height;
  if (ratio < options.ratio_min) h = std::clamp(static_cast<int>(std::lround(width / options.ratio_min)), 1, height);
  if (ratio > options.ratio_max) w = std::clamp(static_cast<int>(std::lround(height * options.ratio_max)), 1, width);
  return {.left = (width - w) / 2, .top = (height - h) / 2, .width = w, .height = h};
}

void random_resized_crop(const encoder::Image& image, const encoder::Preprocessing& preprocessing, const CropOptions& options,
                         RandomStream& random, float* pixels) {
  const auto window = random_window(image.width, image.height, options, random);
  auto part = crop(image, window);
  if (preprocessing.convention == encoder::PreprocessingConvention::kHuggingFace) {
    part = encoder::to_rgb(part);
    part.indexed = false;
  }
  const auto resized = encoder::resize(part, preprocessing.width, preprocessing.height, preprocessing.interpolation);
  // Of the right size already: what is left of it is to make RGB and to normalise.
  auto as_it_is = preprocessing;
  as_it_is.resize_mode = encoder::ResizeMode::kSquash;
  encoder::preprocess_into(resized, as_it_is, pixels);
}

}  // namespace clipdex::training
