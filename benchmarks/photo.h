// Pictures like photographs, made from nothing and the same everywhere: large shapes, texture of every size, sharp edges, sensor noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace clipdex::benchmarks {

enum class Subject { kLandscape, kFoliage, kPage, kPortrait };  // mixed, fine texture all over, black on white, smooth with little texture

// White noise of lattice points, 0..1.
inline float lattice(std::uint32_t x, std::uint32_t y, std::uint32_t seed) {
  std::uint32_t h = x * 0x9E3779B1U ^ y * 0x85EBCA77U ^ seed * 0xC2B2AE3DU;
  h = (h ^ h >> 15) * 0x2C1B3C6DU;
  h = (h ^ h >> 12) * 0x297A2D39U;
  return static_cast<float>((h ^ h >> 15) >> 8) / static_cast<float>(1U << 24);
}

// Adds `strength` times smooth noise with features of `cell` pixels, -0.5..0.5, to one plane.
inline void add_noise(std::vector<float>& plane, int width, int height, float cell, float strength, std::uint32_t seed) {
  for (int y = 0; y < height; ++y) {
    const float v = static_cast<float>(y) / cell;
    const auto row = static_cast<std::uint32_t>(v);
    const float fy = v - static_cast<float>(row);
    float* to = plane.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
    std::uint32_t at = 0xFFFFFFFF;
    float left = 0, right = 0;
    for (int x = 0; x < width; ++x) {
      const float u = static_cast<float>(x) / cell;
      const auto column = static_cast<std::uint32_t>(u);
      if (column != at) {
        at = column;
        left = std::lerp(lattice(column, row, seed), lattice(column, row + 1, seed), fy);
        right = std::lerp(lattice(column + 1, row, seed), lattice(column + 1, row + 1, seed), fy);
      }
      to[x] += strength * (left + (right - left) * (u - static_cast<float>(column)) - 0.5F);
    }
  }
}

// Dark strokes of `size` pixels on what is there, in lines as text stands.
inline void add_text(std::vector<float>& plane, int width, int height, int size, std::uint32_t seed) {
  for (int y = size; y < height - size; ++y) {
    if (y / size % 3 == 2) continue;
    for (int x = size; x < width - size; ++x) {
      const auto letter = static_cast<std::uint32_t>(x / size), line = static_cast<std::uint32_t>(y / size);
      const bool stroke = lattice(letter, line, seed) > 0.6F && x % size < size * 2 / 3;
      if (stroke) plane[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] = 0.1F;
    }
  }
}

// uint8 [height, width, 3].
inline std::vector<std::uint8_t> photo(int width, int height, Subject subject, std::uint32_t seed = 1) {
  const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const float side = static_cast<float>(std::min(width, height));
  const float texture = subject == Subject::kFoliage ? 0.5F : subject == Subject::kLandscape ? 0.15F : 0.04F;
  std::vector<std::uint8_t> rgb(pixels * 3);
  std::vector<float> detail(pixels, 0.0F);  // of brightness: the same in all three colours
  for (float cell = side / 16; cell > 1.5F; cell /= 2.7F)
    add_noise(detail, width, height, cell, texture, seed + static_cast<std::uint32_t>(cell));
  for (std::uint32_t c = 0; c < 3; ++c) {
    std::vector<float> plane(pixels, subject == Subject::kPage ? 0.9F : 0.5F);
    if (subject != Subject::kPage) {
      add_noise(plane, width, height, side / 2, 0.9F, seed * 7 + c);
      add_noise(plane, width, height, side / 5, 0.4F, seed * 11 + c);
    }
    for (std::size_t i = 0; i < pixels; ++i) plane[i] += detail[i];
    if (subject == Subject::kPage) add_text(plane, width, height, std::max(2, static_cast<int>(side / 90)), seed);
    for (std::size_t i = 0; i < pixels; ++i) {
      const float noise = 0.03F * (lattice(static_cast<std::uint32_t>(i), c, seed) - 0.5F);  // the sensor's
      rgb[3 * i + c] = static_cast<std::uint8_t>(255.0F * std::clamp(plane[i] + noise, 0.0F, 1.0F));
    }
  }
  return rgb;
}

}  // namespace clipdex::benchmarks
