// Colours that people name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace clipdex::demo {

struct Rgb {
  std::uint8_t red = 0, green = 0, blue = 0;
};

inline constexpr std::size_t kColorCount = 11;

// In the order of their names in Language::colors: red, orange, yellow, green, blue, purple, pink, brown, black, white, gray.
inline constexpr std::array<Rgb, kColorCount> kColors = {{{214, 52, 46},
                                                          {240, 140, 40},
                                                          {248, 216, 64},
                                                          {72, 168, 80},
                                                          {56, 112, 208},
                                                          {132, 72, 176},
                                                          {244, 152, 188},
                                                          {128, 84, 52},
                                                          {26, 26, 28},
                                                          {248, 248, 248},
                                                          {140, 142, 146}}};
inline constexpr std::size_t kWhite = 9;

}  // namespace clipdex::demo
