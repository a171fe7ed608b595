#include "encoder/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "encoder/color.h"
#include "encoder/resize_passes.h"
#include "encoder/resize_plan.h"

namespace clipdex::encoder {
namespace {

double bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= M_PI;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Filter {
  double (*weight)(double);
  double support;
};

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBilinear:
      return {bilinear, 1.0};
    case Interpolation::kBicubic:
      return {bicubic, 2.0};
    case Interpolation::kLanczos:
      return {lanczos, 3.0};
    case Interpolation::kNearest:
      break;
  }
  throw std::logic_error("the nearest neighbour has no filter");
}

// One axis of a picture, of which [begin, begin + extent) becomes `out` positions.
struct Axis {
  int in = 0;
  double begin = 0, extent = 0;
  int out = 0;
};

// For the positions [begin, begin + positions) of `out`.
Taps precompute(const Axis& axis, int begin, int positions, const Filter& filter) {
  const double scale = axis.extent / axis.out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter.support * filter_scale;
  Taps taps;
  taps.per_position = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.first.resize(static_cast<std::size_t>(positions));
  taps.count.resize(static_cast<std::size_t>(positions));
  taps.weights.assign(static_cast<std::size_t>(positions) * static_cast<std::size_t>(taps.per_position), 0);
  std::vector<double> exact(static_cast<std::size_t>(taps.per_position));
  for (int position = 0; position < positions; ++position) {
    const double center = axis.begin + (begin + position + 0.5) * scale;
    // Pillow truncates after adding a half. NOLINTBEGIN(bugprone-incorrect-roundings)
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int count = std::min(axis.in, static_cast<int>(center + support + 0.5)) - first;
    // NOLINTEND(bugprone-incorrect-roundings)
    double sum = 0;
    for (int i = 0; i < count; ++i) {
      exact[static_cast<std::size_t>(i)] = filter.weight((i + first - center + 0.5) * (1.0 / filter_scale));
      sum += exact[static_cast<std::size_t>(i)];
    }
    std::int32_t* weights = taps.weights.data() + static_cast<std::size_t>(position) * static_cast<std::size_t>(taps.per_position);
    for (int i = 0; i < count; ++i) {
      double weight = exact[static_cast<std::size_t>(i)];
      if (sum != 0.0) weight /= sum;
      weights[i] = static_cast<std::int32_t>(weight * (1 << kPrecisionBits) + (weight < 0 ? -0.5 : 0.5));
    }
    taps.first[static_cast<std::size_t>(position)] = first;
    taps.count[static_cast<std::size_t>(position)] = count;
  }
  return taps;
}

Image blank(const Image& like, int width, int height) {
  Image image{.width = width, .height = height, .channels = like.channels, .indexed = like.indexed, .format = like.format, .pixels = {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(like.channels));
  return image;
}

// The whole of one axis is kept as it is.
bool is_untouched(const Axis& axis, int begin, int positions) {
  return axis.in == axis.out && axis.extent == axis.in && begin == 0 && positions == axis.out;
}

Image resample(const Image& image, int width, int height, Interpolation interpolation, const Window& window) {
  const auto plan = plan_resize(image, width, height, interpolation, window);
  const Image* source = &image;
  Image between;
  int rows_from = 0;
  if (plan.across) {
    between = blank(image, window.width, plan.rows);
    horizontal_pass(image, *plan.across, plan.first_row, between);
    source = &between;
    rows_from = plan.first_row;
  }
  if (!plan.down) return source == &image ? image : between;
  Image out = blank(image, window.width, window.height);
  vertical_pass(*source, *plan.down, rows_from, out);
  return out;
}

// The input positions behind the output positions [begin, begin + positions). Summed up step by step, as Pillow does (Geometry.c,
// ImagingScaleAffine): multiplying rounds differently where a position falls between two pixels.
std::vector<std::size_t> nearest_positions(int in, int out, int begin, int positions) {
  const double scale = static_cast<double>(in) / out;
  std::vector<std::size_t> found(static_cast<std::size_t>(positions));
  double at = scale * 0.5;
  for (int i = 0; i < begin + positions; ++i, at += scale) {
    if (i >= begin) found[static_cast<std::size_t>(i - begin)] = static_cast<std::size_t>(std::min(in - 1, static_cast<int>(at)));
  }
  return found;
}

Image nearest(const Image& image, int width, int height, const Window& window) {
  Image out = blank(image, window.width, window.height);
  const auto columns = nearest_positions(image.width, width, window.left, window.width);
  const auto rows = nearest_positions(image.height, height, window.top, window.height);
  const auto channels = static_cast<std::size_t>(image.channels);
  std::uint8_t* to = out.pixels.data();
  for (const auto row : rows) {
    const std::uint8_t* from = image.pixels.data() + row * static_cast<std::size_t>(image.width) * channels;
    for (const auto column : columns) {
      std::memcpy(to, from + column * channels, channels);
      to += channels;
    }
  }
  return out;
}

// Pillow's conversions RGBA <-> RGBa and LA <-> La. On the way back, samples stay as they are where alpha is 0.
void premultiply(Image& image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < image.pixels.size(); i += channels) {
    const int alpha = image.pixels[i + channels - 1];
    for (std::size_t c = 0; c + 1 < channels; ++c)
      image.pixels[i + c] = static_cast<std::uint8_t>(multiply_div_255(image.pixels[i + c], alpha));
  }
}

void unpremultiply_resized(Image& image) {
  const auto channels = static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < image.pixels.size(); i += channels) {
    const int alpha = image.pixels[i + channels - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (std::size_t c = 0; c + 1 < channels; ++c)
      image.pixels[i + c] = static_cast<std::uint8_t>(std::min(255, 255 * image.pixels[i + c] / alpha));
  }
}

}  // namespace

ResizePlan plan_resize(const Image& image, int width, int height, Interpolation interpolation, const Window& window) {
  const auto filter = filter_of(interpolation);
  Rectangle extent = image.extent;
  if (extent.width <= 0)
    extent = {.left = 0, .top = 0, .width = static_cast<double>(image.width), .height = static_cast<double>(image.height)};
  const Axis across{.in = image.width, .begin = extent.left, .extent = extent.width, .out = width};
  const Axis down{.in = image.height, .begin = extent.top, .extent = extent.height, .out = height};
  ResizePlan plan{.across = {}, .down = {}, .first_row = 0, .rows = image.height};
  if (!is_untouched(down, window.top, window.height)) {
    plan.down = precompute(down, window.top, window.height, filter);
    // Rows that no vertical tap looks at are not computed.
    plan.first_row = plan.down->first.front();
    plan.rows = plan.down->first.back() + plan.down->count.back() - plan.first_row;
  }
  if (!is_untouched(across, window.left, window.width)) plan.across = precompute(across, window.left, window.width, filter);
  return plan;
}

Image resize_window(const Image& image, int width, int height, Interpolation interpolation, const Window& window) {
  if (window.left < 0 || window.top < 0 || window.width < 1 || window.height < 1 || window.left > width - window.width ||
      window.top > height - window.height) {
    throw std::invalid_argument("the window does not lie within a picture of " + std::to_string(width) + " x " + std::to_string(height));
  }
  if (image.indexed || interpolation == Interpolation::kNearest) return nearest(image, width, height, window);
  const bool has_alpha = image.channels == 2 || image.channels == 4;
  const bool same_size = width == image.width && height == image.height;
  if (!has_alpha || same_size) return resample(image, width, height, interpolation, window);
  Image premultiplied = image;
  premultiply(premultiplied);
  Image out = resample(premultiplied, width, height, interpolation, window);
  unpremultiply_resized(out);
  return out;
}

Image resize(const Image& image, int width, int height, Interpolation interpolation) {
  if (width < 1 || height < 1)
    throw std::invalid_argument("a picture cannot be resized to " + std::to_string(width) + " x " + std::to_string(height));
  if (width == image.width && height == image.height && image.full_width == 0) return image;
  return resize_window(image, width, height, interpolation, {0, 0, width, height});
}

}  // namespace clipdex::encoder
