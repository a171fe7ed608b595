// Pictures with captions that a tiny CLIP learns in seconds, as files.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "encoder/image.h"
#include "encoder/jpeg.h"

namespace clipdex::tests {

inline constexpr std::array<const char*, 8> kColors = {"red", "green", "blue", "yellow", "white", "purple", "orange", "black"};
inline constexpr std::array<const char*, 8> kPlaces = {"top left", "top",         "top right", "left",
                                                       "right",    "bottom left", "bottom",    "bottom right"};

// A square of a colour somewhere on gray; `i` below 64 chooses both.
inline std::string square_picture(std::size_t i) {
  constexpr std::array<std::array<std::uint8_t, 3>, 8> kRgb = {
      {{220, 30, 30}, {30, 180, 30}, {30, 30, 220}, {230, 230, 40}, {255, 255, 255}, {150, 40, 170}, {240, 140, 20}, {0, 0, 0}}};
  constexpr std::array<std::array<int, 2>, 8> kAt = {{{0, 0}, {1, 0}, {2, 0}, {0, 1}, {2, 1}, {0, 2}, {1, 2}, {2, 2}}};
  constexpr int kSide = 48, kCell = 16;
  encoder::Image image{.width = kSide, .height = kSide, .channels = 3};
  image.pixels = encoder::Pixels(static_cast<std::size_t>(kSide * kSide * 3), 128);
  const auto [column, row] = kAt.at(i / 8 % 8);
  for (int y = row * kCell; y < (row + 1) * kCell; ++y) {
    for (int x = column * kCell; x < (column + 1) * kCell; ++x) {
      for (std::size_t c = 0; c < 3; ++c) image.pixels[static_cast<std::size_t>((y * kSide + x) * 3) + c] = kRgb.at(i % 8).at(c);
    }
  }
  return encoder::encode_jpeg(image, /*quality=*/95);
}

inline std::string square_caption(std::size_t i) {
  return std::string("a ") + kColors.at(i % 8) + " square at the " + kPlaces.at(i / 8 % 8);
}

inline void write_file(const std::filesystem::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

// NNN.jpg and pairs.jsonl in `directory`; returns the latter.
inline std::filesystem::path write_pairs(const std::filesystem::path& directory, std::size_t count) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    const auto name = std::to_string(i) + ".jpg";
    write_file(directory / name, square_picture(i));
    lines += nlohmann::json{{"file", name}, {"caption", square_caption(i)}}.dump() + "\n";
  }
  write_file(directory / "pairs.jsonl", lines);
  return directory / "pairs.jsonl";
}

// A configuration that trains in seconds; returns the file. `vision`: open_clip's vision_cfg.
inline std::filesystem::path write_tiny_config(
    const std::filesystem::path& directory,
    const nlohmann::json& vision = {{"image_size", 24}, {"layers", 2}, {"width", 64}, {"head_width", 32}, {"patch_size", 8}}) {
  const nlohmann::json config = {
      {"model_cfg",
       {{"embed_dim", 32},
        {"vision_cfg", vision},
        {"text_cfg", {{"context_length", 16}, {"vocab_size", 600}, {"width", 64}, {"heads", 2}, {"layers", 2}}}}},
      {"preprocess_cfg", nlohmann::json::object()}};
  write_file(directory / "tiny.json", config.dump());
  return directory / "tiny.json";
}

}  // namespace clipdex::tests
