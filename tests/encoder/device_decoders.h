// A stand-in for a GPU's decoder, and what is expected of one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "encoder/device_decoder.h"
#include "encoder/image_decoder.h"

namespace clipdex::tests {

// [height, width, 3], or [height, width] if it is gray: smooth, with some waves.
inline std::vector<std::uint8_t> waves(int width, int height, bool gray = false) {
  std::vector<std::uint8_t> pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / width, v = static_cast<double>(y) / height;
      const double values[] = {u, v, 0.5 + 0.4 * std::sin(9 * u) * std::cos(7 * v)};
      for (int c = 0; c < (gray ? 1 : 3); ++c) pixels.push_back(static_cast<std::uint8_t>(20 + 215 * std::clamp(values[c], 0.0, 1.0)));
    }
  }
  return pixels;
}

// The mean of each square of reduction x reduction pixels, or of as much of it as there is.
inline encoder::Pixels box_means(const encoder::Image& image, int reduction) {
  encoder::Pixels means;
  for (int top = 0; top < image.height; top += reduction) {
    for (int left = 0; left < image.width; left += reduction) {
      for (int c = 0; c < image.channels; ++c) {
        int sum = 0, count = 0;
        for (int y = top; y < std::min(top + reduction, image.height); ++y) {
          for (int x = left; x < std::min(left + reduction, image.width); ++x, ++count)
            sum += image.pixels[static_cast<std::size_t>((y * image.width + x) * image.channels + c)];
        }
        means.push_back(static_cast<std::uint8_t>((sum + count / 2) / count));
      }
    }
  }
  return means;
}

inline double mean_difference(const encoder::Pixels& a, const encoder::Pixels& b) {
  if (a.size() != b.size() || a.empty()) return 256;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

// Decodes on the CPU what `answer` does not answer otherwise. For files that are not turned.
class StandInDecoder : public encoder::DeviceDecoder {
 public:
  // Nothing: decode it. Throws for a device that fails, and its own nothing for one that declines.
  using Answer = std::function<std::optional<std::optional<encoder::Pixels>>(int call)>;
  explicit StandInDecoder(Answer answer = [](int) { return std::nullopt; }) : answer_(std::move(answer)) {}

  std::size_t places() const override { return 2; }

  std::optional<encoder::Pixels> decode(std::span<const std::uint8_t> file, const encoder::OrdinaryJpeg&, int reduction) override {
    if (auto answered = answer_(++calls)) return std::move(*answered);
    return box_means(encoder::decode_image(file), reduction);
  }

  std::atomic<int> calls = 0;

 private:
  Answer answer_;
};

}  // namespace clipdex::tests
