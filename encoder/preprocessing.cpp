#include "encoder/preprocessing.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "encoder/color.h"
#include "encoder/config_section.h"

namespace clipdex::encoder {
namespace {

using nlohmann::json;

constexpr int kSideMax = 4096;

int side(const ConfigSection& section, const char* key, const json& value) {
  if (!value.is_number_integer() || value < 1 || value > kSideMax)
    section.fail(key, "a size of 1 to " + std::to_string(kSideMax) + " pixels");
  return value.get<int>();
}

int fill(const ConfigSection& section, const char* key) {
  const int fill = section.integer(key, 0);
  if (fill < 0 || fill > 255) section.fail(key, "0 to 255");
  return fill;
}

void read_triple(const ConfigSection& section, const char* key, std::array<float, 3>& to, bool positive) {
  if (!section.has(key)) return;
  const auto& value = section[key];
  if (value.is_array() && value.size() == to.size() &&
      std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_number(); })) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = value[i].get<float>();
    if (std::all_of(to.begin(), to.end(), [&](float v) { return std::isfinite(v) && (!positive || v > 0); })) return;
  }
  section.fail(key, positive ? "three positive numbers" : "three numbers");
}

Interpolation interpolation_of(const ConfigSection& file, int number) {
  switch (number) {
    case 0:
      return Interpolation::kNearest;
    case 1:
      return Interpolation::kLanczos;
    case 2:
      return Interpolation::kBilinear;
    case 3:
      return Interpolation::kBicubic;
    default:
      file.fail("resample", "0 (nearest), 1 (lanczos), 2 (bilinear) or 3 (bicubic)");
  }
}

// A size as one number, {"shortest_edge"} or {"height", "width"}; `shortest` tells which.
struct Size {
  int height, width;
  bool shortest;
};

std::optional<Size> read_size(const ConfigSection& file, const char* key) {
  if (!file.has(key)) return std::nullopt;
  const auto& value = file[key];
  if (value.is_number()) return Size{side(file, key, value), side(file, key, value), true};
  if (value.is_object() && value.contains("shortest_edge")) {
    const int edge = side(file, key, value["shortest_edge"]);
    return Size{edge, edge, true};
  }
  if (value.is_object() && value.contains("height") && value.contains("width"))
    return Size{side(file, key, value["height"]), side(file, key, value["width"]), false};
  file.fail(key, "a number, {\"shortest_edge\"} or {\"height\", \"width\"}");
}

int round_half_to_even(double value) { return static_cast<int>(std::nearbyint(value)); }

// Both sides after the resize, before crop or padding.
std::pair<int, int> resized(const Image& image, const Preprocessing& p) {
  const int width = whole_width(image), height = whole_height(image);
  const double w = width;
  const double h = height;
  switch (p.resize_mode) {
    case ResizeMode::kSquash:
      return {p.width, p.height};
    case ResizeMode::kLongest: {
      const double ratio = std::max(h / p.height, w / p.width);
      return {std::max(1, round_half_to_even(w / ratio)), std::max(1, round_half_to_even(h / ratio))};
    }
    case ResizeMode::kShortest: {
      // In whole numbers, as the references do: int(size * long / short).
      const std::int64_t size = p.resize_to;
      if (width <= height) return {p.resize_to, static_cast<int>(size * height / width)};
      return {static_cast<int>(size * width / height), p.resize_to};
    }
  }
  throw std::logic_error("unhandled resize mode");
}

int crop_offset(int size, int target, PreprocessingConvention convention) {
  const int difference = size - target;
  if (convention == PreprocessingConvention::kOpenAi) {
    // torchvision pads a smaller side by (target - size) // 2 in front before it crops.
    return difference >= 0 ? round_half_to_even(difference / 2.0) : -((target - size) / 2);
  }
  // transformers floors, and pads a smaller side by the ceiling in front.
  return difference >= 0 ? difference / 2 : -((target - size + 1) / 2);
}

// The part of [offset, offset + target) that lies within [0, size): its first position and its length.
std::pair<int, int> visible(int offset, int target, int size) {
  const int first = std::max(0, offset);
  return {first, std::min(size, offset + target) - first};
}

// `part` at (left, top) of a picture of p's size whose other pixels are `fill`.
Image padded(const Image& part, int left, int top, const Preprocessing& p) {
  Image out{.width = p.width, .height = p.height, .channels = part.channels, .indexed = part.indexed, .format = part.format, .pixels = {}};
  const auto channels = static_cast<std::size_t>(part.channels);
  out.pixels.assign(static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height) * channels, static_cast<std::uint8_t>(p.fill));
  const std::size_t row = static_cast<std::size_t>(part.width) * channels;
  for (int y = 0; y < part.height; ++y) {
    std::copy_n(part.pixels.data() + static_cast<std::size_t>(y) * row, row,
                out.pixels.data() +
                    (static_cast<std::size_t>(y + top) * static_cast<std::size_t>(p.width) + static_cast<std::size_t>(left)) * channels);
  }
  return out;
}

}  // namespace

Preprocessing read_huggingface_preprocessing(const std::filesystem::path& path, int image_size) {
  const auto file = ConfigSection::read(path);
  Preprocessing p;
  p.convention = PreprocessingConvention::kHuggingFace;
  const auto size = read_size(file, "size").value_or(Size{image_size, image_size, true});
  const bool crop = file.flag("do_center_crop", true);
  const auto crop_size = crop ? read_size(file, "crop_size").value_or(size) : size;
  if (!file.flag("do_resize", true)) file.fail("do_resize", "true, and pictures of any size must be read");
  if (!file.flag("do_rescale", true)) file.fail("do_rescale", "true, and clipdex supports no other range of values");
  constexpr double kRescale = 1.0 / 255;
  if (file.has("rescale_factor")) {
    const auto& factor = file["rescale_factor"];
    if (!factor.is_number() || std::abs(factor.get<double>() - kRescale) > 1e-9)
      file.fail("rescale_factor", "1/255, which is what clipdex supports");
  }
  if (!crop && file.has("size") && file["size"].is_object() && size.shortest) {
    file.fail("do_center_crop", "true, and without a crop \"shortest_edge\" gives pictures of every shape");
  }
  p.resize_mode = size.shortest && crop ? ResizeMode::kShortest : ResizeMode::kSquash;
  p.resize_to = size.height;
  p.width = crop_size.width;
  p.height = crop_size.height;
  if (!size.shortest && (crop_size.width != size.width || crop_size.height != size.height)) {
    file.fail("crop_size", "the same as \"size\", which is what clipdex supports where both sides are given");
  }
  if (file.has("resample")) p.interpolation = interpolation_of(file, file.integer("resample", 0));
  if (file.flag("do_normalize", true)) {
    read_triple(file, "image_mean", p.mean, /*positive=*/false);
    read_triple(file, "image_std", p.std, /*positive=*/true);
  } else {
    p.mean = {0, 0, 0};
    p.std = {1, 1, 1};
  }
  // What "clipdex model convert" adds where transformers has no words for what the source did.
  const auto exact = file.section("clipdex");
  if (exact.text("convention", "") == "openai") {
    p.convention = PreprocessingConvention::kOpenAi;
    if (exact.text("resize_mode", "") == "longest") p.resize_mode = ResizeMode::kLongest;
    p.fill = fill(exact, "fill");
  }
  return p;
}

Preprocessing read_open_clip_preprocessing(const std::filesystem::path& path, int image_size) {
  const auto section = ConfigSection::read(path).section("preprocess_cfg");
  Preprocessing p;
  p.width = p.height = p.resize_to = image_size;
  if (section.has("size")) {
    const auto& size = section["size"];
    const json& height = size.is_array() && size.size() == 2 ? size[0] : size;
    const json& width = size.is_array() && size.size() == 2 ? size[1] : size;
    p.height = p.resize_to = side(section, "size", height);
    p.width = side(section, "size", width);
  }
  read_triple(section, "mean", p.mean, /*positive=*/false);
  read_triple(section, "std", p.std, /*positive=*/true);
  const auto interpolation = section.text("interpolation", "bicubic");
  if (interpolation != "bicubic" && interpolation != "bilinear") section.fail("interpolation", "bicubic or bilinear");
  p.interpolation = interpolation == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear;
  const auto mode = section.text("resize_mode", "shortest");
  if (mode != "shortest" && mode != "longest" && mode != "squash") section.fail("resize_mode", "shortest, longest or squash");
  p.resize_mode = mode == "shortest" ? ResizeMode::kShortest : mode == "longest" ? ResizeMode::kLongest : ResizeMode::kSquash;
  p.fill = fill(section, "fill_color");
  return p;
}

DecodeOptions reduced_decoding(const Preprocessing& p) {
  if (p.interpolation == Interpolation::kNearest) return {};
  switch (p.resize_mode) {
    case ResizeMode::kShortest:
      return {.shorter_side_min = kReductionMargin * p.resize_to};
    case ResizeMode::kLongest:
      return {.longer_side_min = kReductionMargin * std::max(p.width, p.height)};
    case ResizeMode::kSquash:
      break;
  }
  return {.shorter_side_min = kReductionMargin * std::max(p.width, p.height)};
}

std::string describe(const Preprocessing& p) {
  const json parts = {
      p.width, p.height, p.resize_to, static_cast<int>(p.resize_mode), static_cast<int>(p.interpolation), static_cast<int>(p.convention),
      p.fill,  p.mean,   p.std};
  return "preprocessing " + parts.dump();
}

CropPlan plan_crop(const Image& image, const Preprocessing& p) {
  const auto [width, height] = resized(image, p);
  const int left = crop_offset(width, p.width, p.convention);
  const int top = crop_offset(height, p.height, p.convention);
  const auto [first_column, columns] = visible(left, p.width, width);
  const auto [first_row, rows] = visible(top, p.height, height);
  return {.width = width,
          .height = height,
          .window = {.left = first_column, .top = first_row, .width = columns, .height = rows},
          .left = first_column - left,
          .top = first_row - top};
}

Image resize_and_crop(const Image& image, const Preprocessing& p) {
  const bool rgb_first = p.convention == PreprocessingConvention::kHuggingFace;
  Image converted;
  if (rgb_first && (image.channels != 3 || image.indexed)) {
    converted = to_rgb(image);
    converted.indexed = false;  // a palette's pixels are colours once they are RGB, and then they are filtered like any others
  }
  const Image& source = converted.pixels.empty() ? image : converted;
  const auto plan = plan_crop(source, p);
  Image out = resize_window(source, plan.width, plan.height, p.interpolation, plan.window);
  if (plan.window.width != p.width || plan.window.height != p.height) out = padded(out, plan.left, plan.top, p);
  return to_rgb(std::move(out));
}

std::array<std::array<float, 256>, 3> normalization_tables(const Preprocessing& p) {
  std::array<std::array<float, 256>, 3> tables;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t value = 0; value < 256; ++value) tables[c][value] = (static_cast<float>(value) / 255.0F - p.mean[c]) / p.std[c];
  }
  return tables;
}

void preprocess_into(const Image& image, const Preprocessing& p, float* pixels) {
  const Image rgb = resize_and_crop(image, p);
  const std::size_t plane = static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height);
  const auto tables = normalization_tables(p);
  const std::uint8_t* from = rgb.pixels.data();
  for (std::size_t i = 0; i < plane; ++i, from += 3) {
    pixels[i] = tables[0][from[0]];
    pixels[plane + i] = tables[1][from[1]];
    pixels[2 * plane + i] = tables[2][from[2]];
  }
}

std::vector<float> preprocess(const Image& image, const Preprocessing& p) {
  std::vector<float> pixels(p.values());
  preprocess_into(image, p, pixels.data());
  return pixels;
}

}  // namespace clipdex::encoder
