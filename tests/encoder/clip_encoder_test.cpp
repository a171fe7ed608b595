#include "encoder/clip_encoder.h"

#include <algorithm>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <thread>

#include "encoder/image_decoder.h"
#include "encoder/safetensors.h"
#include "tests/encoder/safetensors_files.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::WithinAbs;
using clipdex::encoder::ClipEncoder;
using clipdex::encoder::Embeddings;
using clipdex::encoder::Image;
using clipdex::tests::TemporaryDirectory;
using clipdex::tests::TensorData;

const fs::path kModel = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip";
const fs::path kGallery = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/gallery";

std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Image gallery_picture(const std::string& name) {
  const auto bytes = read_file(kGallery / name);
  return clipdex::encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// What tests change in a model before they write it again.
struct ModelFiles {
  nlohmann::json config = nlohmann::json::parse(read_file(kModel / "config.json"));
  std::map<std::string, TensorData> tensors;

  ModelFiles() {
    const clipdex::encoder::SafetensorsFile file(kModel / "model.safetensors");
    for (const auto& [name, view] : file.tensors()) {
      tensors[name] = {view.type == clipdex::encoder::TensorType::kF16 ? "F16" : "F32", view.shape,
                       std::string(reinterpret_cast<const char*>(view.data.data()), view.data.size())};
    }
  }

  void write(const fs::path& directory) const {
    for (const auto* name : {"vocab.json", "merges.txt", "preprocessor_config.json"}) {
      fs::copy_file(kModel / name, directory / name, fs::copy_options::overwrite_existing);
    }
    std::ofstream(directory / "config.json") << config.dump();
    clipdex::tests::write_safetensors(directory / "model.safetensors", tensors);
  }
};

void check_equal(std::span<const float> a, std::span<const float> b, float tolerance) {
  REQUIRE(a.size() == b.size());
  float worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  CHECK_THAT(worst, WithinAbs(0, tolerance));
}

// The card gives five decimals.
void check_begins_with(std::span<const float> embedding, const std::vector<float>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK_THAT(embedding[i], WithinAbs(expected[i], 1e-5));
}

void check_refused(const ModelFiles& files, const std::vector<std::string>& messages) {
  const TemporaryDirectory directory;
  files.write(directory.path());
  for (const auto& message : messages) {
    CHECK_THROWS_MATCHES(ClipEncoder(directory.path()), std::runtime_error, MessageMatches(ContainsSubstring(message)));
  }
}

}  // namespace

TEST_CASE("the built-in model gives the embeddings of its card") {
  const ClipEncoder encoder(kModel);
  const std::vector<std::string> texts = {"a red apple"};
  check_begins_with(encoder.encode_texts(texts).row(0),
                    {-0.06099F, -0.00306F, 0.06005F, -0.14058F, 0.02248F, 0.08303F, -0.02341F, -0.04579F});
  const std::vector<Image> images = {gallery_picture("frowning-face.png")};
  check_begins_with(encoder.encode_images(images).row(0),
                    {-0.05758F, -0.02196F, 0.08088F, 0.03071F, 0.07925F, -0.06667F, -0.07206F, 0.00912F});
}

TEST_CASE("embeddings are of unit length unless they are asked for as the projection leaves them") {
  const ClipEncoder encoder(kModel);
  const std::vector<std::string> texts = {"a dog", "火箭"};
  const auto length = [](std::span<const float> row) {
    double sum = 0;
    for (const float value : row) sum += double{value} * value;
    return std::sqrt(sum);
  };
  const auto unit = encoder.encode_texts(texts);
  const auto raw = encoder.encode_texts(texts, /*normalize=*/false);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CHECK_THAT(length(unit.row(i)), WithinAbs(1, 1e-6));
    const double scale = length(raw.row(i));
    CHECK(std::abs(scale - 1) > 0.01);
    for (std::size_t j = 0; j < unit.dimension; ++j) CHECK_THAT(raw.row(i)[j] / scale, WithinAbs(unit.row(i)[j], 1e-6));
  }
}

TEST_CASE("a text's embedding depends neither on its batch nor on what follows its end token") {
  const ClipEncoder encoder(kModel);
  std::vector<std::string> texts;
  for (int i = 0; i < 70; ++i) texts.push_back(std::string(static_cast<std::size_t>(i % 23), 'x') + " cat and pizza " + std::to_string(i));
  const auto together = encoder.encode_texts(texts);
  for (std::size_t i = 0; i < texts.size(); i += 9) {
    const std::vector<std::string> one = {texts[i]};
    check_equal(together.row(i), encoder.encode_texts(one).row(0), 1e-6F);
  }
  const std::vector<std::vector<std::int32_t>> tokens = {{4094, 320, 734, 3234, 4095}, {4094, 320, 734, 3234, 4095, 0, 17, 4095, 3}};
  const auto embeddings = encoder.encode_tokens(tokens);
  check_equal(embeddings.row(0), embeddings.row(1), 1e-6F);
}

TEST_CASE("an image's embedding does not depend on its batch, and equals that of its pixels") {
  const ClipEncoder encoder(kModel);
  std::vector<Image> images;
  for (const auto* name : {"cat.png", "tomato.png", "scene-000.png"}) images.push_back(gallery_picture(name));
  while (images.size() < 40) images.push_back(images[images.size() % 3]);
  const auto together = encoder.encode_images(images);
  for (std::size_t i = 0; i < 3; ++i) {
    check_equal(together.row(i), encoder.encode_images(std::span(images).subspan(i, 1)).row(0), 1e-6F);
    check_equal(together.row(i), encoder.encode_pixels(clipdex::encoder::preprocess(images[i], encoder.preprocessing()), 1).row(0), 1e-6F);
  }
  check_equal(together.row(0), together.row(39), 1e-6F);
}

TEST_CASE("many threads may use one encoder") {
  const ClipEncoder encoder(kModel);
  const std::vector<std::string> texts = {"a red apple", "sad face"};
  const auto expected = encoder.encode_texts(texts);
  std::vector<Embeddings> results(8);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i) result = encoder.encode_texts(texts);
      });
    }
  }
  for (const auto& result : results) check_equal(result.values, expected.values, 1e-6F);
}

TEST_CASE("token ids and pixels that the model cannot take are refused") {
  const ClipEncoder encoder(kModel);
  using Tokens = std::vector<std::vector<std::int32_t>>;
  CHECK_THROWS_MATCHES(encoder.encode_tokens(Tokens{{4094, 4096, 4095}}), std::invalid_argument, MessageMatches(ContainsSubstring("4096")));
  CHECK_THROWS_MATCHES(encoder.encode_tokens(Tokens{{-1}}), std::invalid_argument, MessageMatches(ContainsSubstring("-1")));
  CHECK_THROWS_AS(encoder.encode_tokens(Tokens{{}}), std::invalid_argument);
  CHECK_THROWS_MATCHES(encoder.encode_tokens(Tokens{std::vector<std::int32_t>(33, 1)}), std::invalid_argument,
                       MessageMatches(ContainsSubstring("context is 32")));
  CHECK_THROWS_AS(encoder.encode_pixels(std::vector<float>(5), 1), std::invalid_argument);
  CHECK(encoder.encode_tokens(Tokens{}).count == 0);
  CHECK(encoder.encode_pixels({}, 0).count == 0);
}

TEST_CASE("weights stored in fp32 give the same embeddings as the same numbers in fp16") {
  ModelFiles files;
  std::size_t widened = 0;
  for (auto& [name, tensor] : files.tensors) {
    if (tensor.dtype != "F16") continue;
    std::vector<float> values(tensor.bytes.size() / 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      _Float16 half;
      std::memcpy(&half, tensor.bytes.data() + 2 * i, sizeof half);
      values[i] = static_cast<float>(half);
    }
    tensor = clipdex::tests::float_tensor(tensor.shape, values);
    ++widened;
  }
  REQUIRE(widened > 0);
  const TemporaryDirectory directory;
  files.write(directory.path());
  const ClipEncoder wide(directory.path());
  const ClipEncoder narrow(kModel);
  CHECK(wide.info().dtype == "fp32");
  CHECK(narrow.info().dtype == "fp16");
  const std::vector<std::string> texts = {"a red apple", "狗"};
  check_equal(wide.encode_texts(texts).values, narrow.encode_texts(texts).values, 1e-6F);
  const std::vector<Image> images = {gallery_picture("cat.png")};
  check_equal(wide.encode_images(images).values, narrow.encode_images(images).values, 1e-6F);
}

TEST_CASE("the fingerprint follows preprocessing and weights and not the directory's name") {
  ModelFiles files;
  const TemporaryDirectory same, otherwise_prepared, otherwise_trained;
  files.write(same.path());
  fs::copy_file(kModel / "model.safetensors", same.path() / "model.safetensors", fs::copy_options::overwrite_existing);
  files.write(otherwise_prepared.path());
  fs::copy_file(kModel / "model.safetensors", otherwise_prepared.path() / "model.safetensors", fs::copy_options::overwrite_existing);
  auto preprocessor = nlohmann::json::parse(read_file(kModel / "preprocessor_config.json"));
  preprocessor["image_mean"][0] = 0.4;
  std::ofstream(otherwise_prepared.path() / "preprocessor_config.json") << preprocessor.dump();
  files.tensors.at("logit_scale").bytes[1] ^= 1;
  files.write(otherwise_trained.path());
  const auto fingerprint = ClipEncoder(kModel).info().fingerprint;
  CHECK(fingerprint.size() == 32);
  CHECK(ClipEncoder(same.path()).info().fingerprint == fingerprint);
  CHECK(ClipEncoder(otherwise_prepared.path()).info().fingerprint != fingerprint);
  CHECK(ClipEncoder(otherwise_trained.path()).info().fingerprint != fingerprint);
}

TEST_CASE("missing, surplus and misshapen tensors are named") {
  SECTION("missing") {
    ModelFiles files;
    files.tensors.erase("text_model.encoder.layers.1.self_attn.k_proj.weight");
    check_refused(files, {"model.safetensors", "missing", "text_model.encoder.layers.1.self_attn.k_proj.weight"});
  }
  SECTION("surplus") {
    ModelFiles files;
    files.tensors["vision_model.head.probe"] = clipdex::tests::float_tensor({1}, {0});
    check_refused(files, {"not part of this architecture", "vision_model.head.probe"});
  }
  SECTION("misshapen") {
    ModelFiles files;
    auto& projection = files.tensors.at("text_projection.weight");
    std::swap(projection.shape[0], projection.shape[1]);
    check_refused(files, {"text_projection.weight is [192, 128], the configuration asks for [128, 192]"});
  }
  SECTION("not a number") {
    ModelFiles files;
    auto& norm = files.tensors.at("vision_model.post_layernorm.bias");
    norm.dtype = norm.dtype == "F16" ? "I16" : "I32";
    check_refused(files, {"vision_model.post_layernorm.bias", "floating-point"});
  }
}

TEST_CASE("a configuration that cannot be is refused before memory is taken for it") {
  const std::vector<std::pair<nlohmann::json::json_pointer, nlohmann::json>> changes = {
      {"/model_type"_json_pointer, "siglip"},
      {"/projection_dim"_json_pointer, -1},
      {"/projection_dim"_json_pointer, "wide"},
      {"/vision_config/hidden_size"_json_pointer, 16384},
      {"/vision_config/num_attention_heads"_json_pointer, 7},
      {"/vision_config/num_hidden_layers"_json_pointer, 100000},
      {"/vision_config/patch_size"_json_pointer, 0},
      {"/text_config/vocab_size"_json_pointer, 2000},
      {"/text_config/hidden_act"_json_pointer, "relu"},
      {"/text_config/max_position_embeddings"_json_pointer, 1e18},
      {"/text_config"_json_pointer, 5},
  };
  for (const auto& [pointer, value] : changes) {
    ModelFiles files;
    files.config[pointer] = value;
    INFO(pointer.to_string() << " = " << value);
    check_refused(files, {"config"});
  }
}

TEST_CASE("a directory that is no model says what is missing") {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_MATCHES(ClipEncoder(directory.path()), std::runtime_error, MessageMatches(ContainsSubstring(message)));
  };
  refused("neither config.json nor open_clip_config.json");
  fs::copy_file(kModel / "config.json", directory.path() / "config.json");
  refused("model.safetensors");
  fs::copy_file(kModel / "model.safetensors", directory.path() / "model.safetensors");
  CHECK(ClipEncoder(directory.path()).tokenizer() == nullptr);
  CHECK_THROWS_AS(ClipEncoder(directory.path()).encode_texts(std::vector<std::string>{"a"}), std::invalid_argument);
  fs::resize_file(directory.path() / "model.safetensors", 5'000'000);
  refused("truncated");
  std::ofstream(directory.path() / "config.json") << "{";
  refused("config.json: it is not valid JSON");
  CHECK_THROWS_MATCHES(ClipEncoder(directory.path() / "nothing"), std::runtime_error, MessageMatches(ContainsSubstring("no such file")));
}
