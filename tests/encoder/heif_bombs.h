// HEIC and AVIF files that ask for much.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/encoder/bomb_bytes.h"

namespace clipdex::tests::bombs {

inline Bytes read_seed(const char* name) {
  std::ifstream stream(std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/fuzz/seeds/heif" / name, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(stream), {}};
  if (bytes.empty()) throw std::runtime_error(std::string("there is no seed ") + name);
  return bytes;
}

// The seed with `value` written over the 4 bytes at `offset` behind the first box of that name.
inline Bytes patched(const char* seed, std::string_view box, std::size_t offset, std::uint32_t value) {
  Bytes file = read_seed(seed);
  const auto at = std::search(file.begin(), file.end(), box.begin(), box.end());
  if (at == file.end()) throw std::runtime_error("the seed has no such box");
  Bytes number;
  append(number, value, 4, Order::kBig);
  std::copy(number.begin(), number.end(), at + static_cast<std::ptrdiff_t>(box.size() + offset));
  return file;
}

inline void append_heif_bombs(std::vector<Bomb>& to) {
  for (const auto* seed : {"heic", "avif"}) {
    const std::string name = seed == std::string("heic") ? "HEIC" : "AVIF";
    auto huge = patched(seed, "ispe", 4, 50'000);
    const auto at = std::search(huge.begin(), huge.end(), std::begin("ispe"), std::begin("ispe") + 4) + 12;
    Bytes side;
    append(side, 50'000, 4, Order::kBig);
    std::copy(side.begin(), side.end(), at);
    to.push_back({name + " of 50,000 x 50,000", huge});
    to.push_back({name + " of 7,900 pixels width without them", patched(seed, "ispe", 4, 7'900)});
    to.push_back({name + " with 65,535 items", patched(seed, "iinf", 4, 0xFFFF0000)});
    to.push_back({name + " with 65,535 locations", patched(seed, "iloc", 4, 0x4400FFFF)});
    Bytes boxes =
        text(std::string_view("\0\0\0\x18"
                              "ftyp",
                              8));
    append(boxes, text(std::string_view(name == "HEIC" ? "heic\0\0\0\0mif1heic" : "avif\0\0\0\0mif1avif", 16)));
    for (int i = 0; i < 4'000'000; ++i)
      append(boxes, text(std::string_view("\0\0\0\x08"
                                          "free",
                                          8)));
    to.push_back({name + " with 4,000,000 boxes", boxes});
    Bytes nested =
        text(std::string_view("\0\0\0\x18"
                              "ftyp",
                              8));
    append(nested, text(std::string_view(name == "HEIC" ? "heic\0\0\0\0mif1heic" : "avif\0\0\0\0mif1avif", 16)));
    for (std::uint32_t i = 0; i < 100'000; ++i) {
      append(nested, (100'000 - i) * 12, 4, Order::kBig);
      append(nested, text("meta"));
      append(nested, 0, 4, Order::kBig);
    }
    to.push_back({name + " of 100,000 boxes within each other", nested});
  }
}

}  // namespace clipdex::tests::bombs
