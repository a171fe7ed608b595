#include "encoder/preprocessing.h"

#include <openssl/evp.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "encoder/image_decoder.h"
#include "encoder/resize.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::WithinAbs;
using clipdex::encoder::Image;
using clipdex::encoder::Interpolation;
using clipdex::encoder::Preprocessing;
using clipdex::encoder::PreprocessingConvention;
using clipdex::encoder::ResizeMode;
using nlohmann::json;

const fs::path kData = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data";

// A copy: a loop over a part of a temporary would run over freed memory, and check nothing.
json vectors(const char* part) {
  std::ifstream stream(kData / "clip_image_vectors.json");
  return json::parse(stream).at(part);
}

std::string sha256(std::span<const std::uint8_t> bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  REQUIRE(::EVP_Digest(bytes.data(), bytes.size(), digest, &size, ::EVP_sha256(), nullptr) == 1);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += "0123456789abcdef"[digest[i] >> 4], text += "0123456789abcdef"[digest[i] & 15];
  return text;
}

// The vectors' formula picture.
Image formula(int width, int height, int channels) {
  Image image{.width = width, .height = height, .channels = channels, .indexed = false, .format = {}, .pixels = {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) image.pixels.push_back(static_cast<std::uint8_t>((13 * x + 7 * y + 101 * c + x * y / 16) % 256));
    }
  }
  return image;
}

Preprocessing openai(int size) { return {.width = size, .height = size, .resize_to = size}; }

std::vector<std::uint8_t> pixel(const Image& image, int x, int y) {
  const auto at = static_cast<std::size_t>((y * image.width + x) * image.channels);
  return {image.pixels.begin() + static_cast<std::ptrdiff_t>(at), image.pixels.begin() + static_cast<std::ptrdiff_t>(at) + image.channels};
}

void write_json(const fs::path& file, const json& value) { std::ofstream(file) << value.dump(); }

}  // namespace

TEST_CASE("resizing and cropping give Pillow's and torchvision's bytes") {
  const json rows = vectors("resize_crop_224");
  REQUIRE(rows.size() == 4);
  for (const auto& row : rows) {
    const Image image = formula(row["size"][0], row["size"][1], 3);
    INFO(row["size"]);
    const Image crop = resize_and_crop(image, openai(224));
    CHECK(json(sha256(crop.pixels)) == row["crop_sha256"]);
    CHECK(json(pixel(crop, 0, 0)) == row["px_0_0"]);
    CHECK(json(pixel(crop, 112, 112)) == row["px_112_112"]);
    if (!row.contains("resized_sha256")) continue;
    CHECK(json(sha256(resize(image, row["resized"][0], row["resized"][1], Interpolation::kBicubic).pixels)) == row["resized_sha256"]);
  }
}

TEST_CASE("squashing gives Pillow's bytes with the bicubic and the bilinear filter") {
  const json rows = vectors("squash_from_640x480");
  REQUIRE(rows.size() == 2);
  for (const auto& row : rows) {
    Preprocessing preprocessing = openai(row["size"][0]);
    preprocessing.resize_mode = ResizeMode::kSquash;
    preprocessing.interpolation = row["filter"] == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear;
    CHECK(json(sha256(resize_and_crop(formula(640, 480, 3), preprocessing).pixels)) == row["sha256"]);
  }
}

TEST_CASE("pictures with alpha and gray ones follow each reference's order of resizing and converting") {
  const json rows = vectors("modes_64x48_to_24");
  REQUIRE(rows.size() == 2);
  for (const auto& row : rows) {
    const Image image = formula(64, 48, row["mode"] == "RGBA" ? 4 : 1);
    Preprocessing preprocessing = openai(24);  // 32 x 24, of which the middle is cut out
    INFO(row["mode"]);
    CHECK(json(sha256(resize_and_crop(image, preprocessing).pixels)) == row["resize_then_rgb_sha256"]);
    if (!row.contains("rgb_then_resize_sha256")) continue;
    preprocessing.convention = PreprocessingConvention::kHuggingFace;
    CHECK(json(sha256(resize_and_crop(image, preprocessing).pixels)) == row["rgb_then_resize_sha256"]);
  }
}

TEST_CASE("one row of a ramp is filtered as Pillow filters it") {
  const auto expected = vectors("ramp_16_to_7");
  Image ramp{.width = 16, .height = 1, .channels = 1, .indexed = false, .format = {}, .pixels = {}};
  for (int i = 0; i < 16; ++i) ramp.pixels.push_back(static_cast<std::uint8_t>(17 * i));
  CHECK(json(resize(ramp, 7, 1, Interpolation::kBicubic).pixels) == expected["bicubic"]);
  CHECK(json(resize(ramp, 7, 1, Interpolation::kBilinear).pixels) == expected["bilinear"]);
}

TEST_CASE("the nearest neighbour of a position between two pixels is the one that Pillow takes") {
  // Pillow sums the positions up, and 3.5 * 2 / 7 comes out just under 1.
  const Image two{.width = 2, .height = 1, .channels = 1, .indexed = false, .format = {}, .pixels = {0, 1}};
  CHECK(resize(two, 7, 1, Interpolation::kNearest).pixels == clipdex::encoder::Pixels{0, 0, 0, 0, 1, 1, 1});
  CHECK(resize_window(two, 7, 1, Interpolation::kNearest, {.left = 3, .top = 0, .width = 2, .height = 1}).pixels ==
        clipdex::encoder::Pixels{0, 1});
}

TEST_CASE("the normalised tensor has the reference's values") {
  const auto expected = vectors("normalised_640x480");
  const auto tensor = preprocess(formula(640, 480, 3), openai(224));
  REQUIRE(tensor.size() == 3 * 224 * 224);
  double sum = 0;
  for (const float value : tensor) sum += value;
  CHECK_THAT(sum, WithinAbs(expected["sum"].get<double>(), 0.01));
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(tensor[c * 224 * 224] == expected["at_0_0"][c].get<float>());
    CHECK(tensor[c * 224 * 224 + 112 * 224 + 112] == expected["at_112_112"][c].get<float>());
  }
}

TEST_CASE("the picture of OpenAI's README, which has alpha, becomes the reference's bytes") {
  std::ifstream stream(kData / "CLIP.png", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  const Image image = clipdex::encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  CHECK(image.width == 2162);
  CHECK(image.height == 762);
  CHECK(image.channels == 4);
  CHECK(sha256(resize_and_crop(image, openai(224)).pixels) == "c96d5fbf8273c7bea132e34850cece46b2b4a3f976fe50c1e9855f55495eddce");
}

TEST_CASE("a window of a resized picture is what the whole one has there") {
  const Image image = formula(97, 61, 3);
  for (const auto interpolation : {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kBicubic, Interpolation::kLanczos}) {
    const Image whole = resize(image, 150, 40, interpolation);
    const Image part = resize_window(image, 150, 40, interpolation, {.left = 31, .top = 7, .width = 64, .height = 21});
    for (int y = 0; y < 21; ++y) {
      for (int x = 0; x < 64; ++x) REQUIRE(pixel(part, x, y) == pixel(whole, x + 31, y + 7));
    }
  }
  CHECK_THROWS_AS(resize_window(image, 150, 40, Interpolation::kBicubic, {.left = 100, .top = 0, .width = 64, .height = 21}),
                  std::invalid_argument);
}

TEST_CASE("a picture of one pixel's width and the greatest height is preprocessed within its crop") {
  const auto tensor = preprocess(formula(1, 32768, 3), openai(224));
  CHECK(tensor.size() == 3 * 224 * 224);
  CHECK(preprocess(formula(32768, 1, 4), openai(224)).size() == tensor.size());
}

TEST_CASE("a side that is smaller than the crop is padded") {
  Preprocessing preprocessing{.width = 64, .height = 64, .resize_to = 32, .mean = {0, 0, 0}, .std = {1, 1, 1}};
  Image white{
      .width = 32, .height = 32, .channels = 3, .indexed = false, .format = {}, .pixels = clipdex::encoder::Pixels(3 * 32 * 32, 255)};
  const Image crop = resize_and_crop(white, preprocessing);
  CHECK(pixel(crop, 15, 32) == std::vector<std::uint8_t>{0, 0, 0});
  CHECK(pixel(crop, 16, 32) == std::vector<std::uint8_t>{255, 255, 255});
  CHECK(pixel(crop, 47, 47) == std::vector<std::uint8_t>{255, 255, 255});
  CHECK(pixel(crop, 48, 48) == std::vector<std::uint8_t>{0, 0, 0});
}

TEST_CASE("old and new spellings of a preprocessor file mean the same") {
  const clipdex::tests::TemporaryDirectory directory;
  const auto file = directory.path() / "preprocessor_config.json";
  write_json(file, {{"size", 224}, {"crop_size", 224}, {"resample", 3}, {"feature_extractor_type", "CLIPFeatureExtractor"}});
  const auto old_spelling = describe(clipdex::encoder::read_huggingface_preprocessing(file, 224));
  write_json(
      file,
      {{"size", {{"shortest_edge", 224}}}, {"crop_size", {{"height", 224}, {"width", 224}}}, {"rescale_factor", 0.00392156862745098}});
  CHECK(describe(clipdex::encoder::read_huggingface_preprocessing(file, 224)) == old_spelling);
  write_json(file, {{"size", {{"height", 224}, {"width", 224}}}, {"do_center_crop", false}, {"image_mean", {0.5, 0.5, 0.5}}});
  const auto squash = clipdex::encoder::read_huggingface_preprocessing(file, 224);
  CHECK(squash.resize_mode == ResizeMode::kSquash);
  CHECK(squash.mean[0] == 0.5F);
}

TEST_CASE("impossible preprocessing is refused with the file and the key named") {
  const clipdex::tests::TemporaryDirectory directory;
  const auto file = directory.path() / "preprocessor_config.json";
  const std::vector<std::pair<std::string, json>> cases = {
      {"size", -1},
      {"size", {{"shortest_edge", 1e9}}},
      {"crop_size", "large"},
      {"image_std", {1, 0, 1}},
      {"image_mean", {1, 2}},
      {"resample", 9},
      {"do_resize", false},
      {"rescale_factor", 1},
      {"do_normalize", "yes"},
  };
  for (const auto& [key, value] : cases) {
    write_json(file, {{key, value}});
    INFO(key << " = " << value);
    CHECK_THROWS_MATCHES(clipdex::encoder::read_huggingface_preprocessing(file, 224), std::runtime_error,
                         MessageMatches(ContainsSubstring(key) && ContainsSubstring("preprocessor_config.json")));
  }
  write_json(file, {{"size", {{"shortest_edge", 224}}}, {"do_center_crop", false}});
  CHECK_THROWS_MATCHES(clipdex::encoder::read_huggingface_preprocessing(file, 224), std::runtime_error,
                       MessageMatches(ContainsSubstring("do_center_crop")));
  write_json(file, {{"preprocess_cfg", {{"resize_mode", "melt"}}}});
  CHECK_THROWS_MATCHES(clipdex::encoder::read_open_clip_preprocessing(file, 224), std::runtime_error,
                       MessageMatches(ContainsSubstring("resize_mode")));
}
