#include "encoder/preprocessing.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "encoder/color.h"

namespace clipdex::encoder {
namespace {

using nlohmann::json;

constexpr int kSideMax = 4096;

class PreprocessingFile {
 public:
  explicit PreprocessingFile(const std::filesystem::path& file) : file_(file.string()) {
    std::error_code error;
    constexpr std::uintmax_t kBytesMax = 16U << 20;
    if (std::filesystem::file_size(file, error) > kBytesMax || error) throw std::runtime_error("cannot read " + file_);
    std::ifstream stream(file);
    values_ = json::parse(stream, /*callback=*/nullptr, /*allow_exceptions=*/false);
    if (!values_.is_object()) throw std::runtime_error(file_ + " is not a JSON object: it is damaged");
  }

  const json& values() const { return values_; }

  void enter(const char* section) {
    json inner = values_.value(section, json::object());
    if (!inner.is_object()) fail(section, "an object");
    values_ = std::move(inner);
  }

  bool has(const char* key) const { return values_.contains(key) && !values_[key].is_null(); }

  bool flag(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!values_[key].is_boolean()) fail(key, "true or false");
    return values_[key].get<bool>();
  }

  int side(const char* key, const json& value) const {
    if (!value.is_number_integer() || value < 1 || value > kSideMax) fail(key, "a size of 1 to " + std::to_string(kSideMax) + " pixels");
    return value.get<int>();
  }

  std::string text(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    if (!values_[key].is_string()) fail(key, "a string");
    return values_[key].get<std::string>();
  }

  int fill(const char* key) const {
    if (!has(key)) return 0;
    const auto& fill = values_[key];
    if (!fill.is_number_integer() || fill < 0 || fill > 255) fail(key, "0 to 255");
    return fill.get<int>();
  }

  void triple(const char* key, std::array<float, 3>& to, bool positive) const {
    if (!has(key)) return;
    const auto& value = values_[key];
    if (value.is_array() && value.size() == to.size() &&
        std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_number(); })) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = value[i].get<float>();
      if (std::all_of(to.begin(), to.end(), [&](float v) { return std::isfinite(v) && (!positive || v > 0); })) return;
    }
    fail(key, positive ? "three positive numbers" : "three numbers");
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw std::runtime_error(file_ + ": \"" + key + "\" is not " + what);
  }

 private:
  std::string file_;
  json values_;
};

Interpolation interpolation_of(const PreprocessingFile& file, int number) {
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

std::optional<Size> read_size(const PreprocessingFile& file, const char* key) {
  if (!file.has(key)) return std::nullopt;
  const auto& value = file.values()[key];
  if (value.is_number()) return Size{file.side(key, value), file.side(key, value), true};
  if (value.is_object() && value.contains("shortest_edge")) {
    const int edge = file.side(key, value["shortest_edge"]);
    return Size{edge, edge, true};
  }
  if (value.is_object() && value.contains("height") && value.contains("width"))
    return Size{file.side(key, value["height"]), file.side(key, value["width"]), false};
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
  PreprocessingFile file(path);
  Preprocessing p;
  p.convention = PreprocessingConvention::kHuggingFace;
  const auto size = read_size(file, "size").value_or(Size{image_size, image_size, true});
  const bool crop = file.flag("do_center_crop", true);
  const auto crop_size = crop ? read_size(file, "crop_size").value_or(size) : size;
  if (!file.flag("do_resize", true)) file.fail("do_resize", "true, and pictures of any size must be read");
  if (!file.flag("do_rescale", true)) file.fail("do_rescale", "true, and clipdex supports no other range of values");
  constexpr double kRescale = 1.0 / 255;
  if (file.has("rescale_factor")) {
    const auto& factor = file.values()["rescale_factor"];
    if (!factor.is_number() || std::abs(factor.get<double>() - kRescale) > 1e-9)
      file.fail("rescale_factor", "1/255, which is what clipdex supports");
  }
  if (!crop && file.has("size") && file.values()["size"].is_object() && size.shortest) {
    file.fail("do_center_crop", "true, and without a crop \"shortest_edge\" gives pictures of every shape");
  }
  p.resize_mode = size.shortest && crop ? ResizeMode::kShortest : ResizeMode::kSquash;
  p.resize_to = size.height;
  p.width = crop_size.width;
  p.height = crop_size.height;
  if (!size.shortest && (crop_size.width != size.width || crop_size.height != size.height)) {
    file.fail("crop_size", "the same as \"size\", which is what clipdex supports where both sides are given");
  }
  if (file.has("resample")) {
    if (!file.values()["resample"].is_number_integer()) file.fail("resample", "a number");
    p.interpolation = interpolation_of(file, file.values()["resample"].get<int>());
  }
  if (file.flag("do_normalize", true)) {
    file.triple("image_mean", p.mean, /*positive=*/false);
    file.triple("image_std", p.std, /*positive=*/true);
  } else {
    p.mean = {0, 0, 0};
    p.std = {1, 1, 1};
  }
  // What "clipdex model convert" adds where transformers has no words for what the source did.
  file.enter("clipdex");
  if (file.text("convention", "") == "openai") {
    p.convention = PreprocessingConvention::kOpenAi;
    if (file.text("resize_mode", "") == "longest") p.resize_mode = ResizeMode::kLongest;
    p.fill = file.fill("fill");
  }
  return p;
}

Preprocessing read_open_clip_preprocessing(const std::filesystem::path& path, int image_size) {
  PreprocessingFile file(path);
  file.enter("preprocess_cfg");
  Preprocessing p;
  p.width = p.height = p.resize_to = image_size;
  if (file.has("size")) {
    const auto& size = file.values()["size"];
    const json& height = size.is_array() && size.size() == 2 ? size[0] : size;
    const json& width = size.is_array() && size.size() == 2 ? size[1] : size;
    p.height = p.resize_to = file.side("size", height);
    p.width = file.side("size", width);
  }
  file.triple("mean", p.mean, /*positive=*/false);
  file.triple("std", p.std, /*positive=*/true);
  const auto interpolation = file.text("interpolation", "bicubic");
  if (interpolation != "bicubic" && interpolation != "bilinear") file.fail("interpolation", "bicubic or bilinear");
  p.interpolation = interpolation == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear;
  const auto mode = file.text("resize_mode", "shortest");
  if (mode != "shortest" && mode != "longest" && mode != "squash") file.fail("resize_mode", "shortest, longest or squash");
  p.resize_mode = mode == "shortest" ? ResizeMode::kShortest : mode == "longest" ? ResizeMode::kLongest : ResizeMode::kSquash;
  p.fill = file.fill("fill_color");
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

Image resize_and_crop(const Image& image, const Preprocessing& p) {
  const bool rgb_first = p.convention == PreprocessingConvention::kHuggingFace;
  Image converted;
  if (rgb_first && (image.channels != 3 || image.indexed)) {
    converted = to_rgb(image);
    converted.indexed = false;  // a palette's pixels are colours once they are RGB, and then they are filtered like any others
  }
  const Image& source = converted.pixels.empty() ? image : converted;
  const auto [width, height] = resized(source, p);
  const int left = crop_offset(width, p.width, p.convention);
  const int top = crop_offset(height, p.height, p.convention);
  const auto [first_column, columns] = visible(left, p.width, width);
  const auto [first_row, rows] = visible(top, p.height, height);
  Image out =
      resize_window(source, width, height, p.interpolation, {.left = first_column, .top = first_row, .width = columns, .height = rows});
  if (columns != p.width || rows != p.height) out = padded(out, first_column - left, first_row - top, p);
  return to_rgb(std::move(out));
}

void preprocess_into(const Image& image, const Preprocessing& p, float* pixels) {
  const Image rgb = resize_and_crop(image, p);
  const std::size_t plane = static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height);
  std::array<std::array<float, 256>, 3> tables;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t value = 0; value < 256; ++value) tables[c][value] = (static_cast<float>(value) / 255.0F - p.mean[c]) / p.std[c];
  }
  const std::uint8_t* from = rgb.pixels.data();
  for (std::size_t i = 0; i < plane; ++i, from += 3) {
    pixels[i] = tables[0][from[0]];
    pixels[plane + i] = tables[1][from[1]];
    pixels[2 * plane + i] = tables[2][from[2]];
  }
}

std::vector<float> preprocess(const Image& image, const Preprocessing& p) {
  std::vector<float> pixels(std::size_t{3} * static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height));
  preprocess_into(image, p, pixels.data());
  return pixels;
}

}  // namespace clipdex::encoder
