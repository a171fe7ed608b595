#include "encoder/model_directory.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "encoder/tokenizer.h"

namespace clipdex::encoder {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uintmax_t kConfigBytesMax = 16U << 20;

json read_json(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) throw std::runtime_error("cannot read " + file.string() + ": " + error.message());
  if (size > kConfigBytesMax) throw std::runtime_error(file.string() + " is too large for a configuration file");
  std::ifstream stream(file);
  auto value = json::parse(stream, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) throw std::runtime_error(file.string() + " is not a JSON object: it is damaged or not a model's configuration");
  return value;
}

// A section of a configuration file, with defaults for what it leaves out and errors that name file and key.
class Section {
 public:
  Section(json values, std::string where) : values_(std::move(values)), where_(std::move(where)) {}

  bool has(std::string_view key) const { return values_.contains(key) && !values_[std::string(key)].is_null(); }

  int integer(std::string_view key, int otherwise) const {
    if (!has(key)) return otherwise;
    const auto& value = values_[std::string(key)];
    if (!value.is_number_integer() || value.get<std::int64_t>() < INT32_MIN || value.get<std::int64_t>() > INT32_MAX)
      fail(key, "a whole number");
    return value.get<int>();
  }

  double number(std::string_view key, double otherwise) const {
    if (!has(key)) return otherwise;
    const auto& value = values_[std::string(key)];
    if (!value.is_number()) fail(key, "a number");
    return value.get<double>();
  }

  std::string text(std::string_view key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    const auto& value = values_[std::string(key)];
    if (!value.is_string()) fail(key, "a string");
    return value.get<std::string>();
  }

  bool flag(std::string_view key, bool otherwise) const {
    if (!has(key)) return otherwise;
    const auto& value = values_[std::string(key)];
    if (!value.is_boolean()) fail(key, "true or false");
    return value.get<bool>();
  }

  Section section(std::string_view key) const {
    if (!has(key)) return {json::object(), where_ + ", " + std::string(key)};
    if (!values_[std::string(key)].is_object()) fail(key, "an object");
    return {values_[std::string(key)], where_ + ", " + std::string(key)};
  }

  const json& values() const { return values_; }
  const std::string& where() const { return where_; }

  [[noreturn]] void fail(std::string_view key, std::string_view what) const {
    throw std::runtime_error(where_ + ": \"" + std::string(key) + "\" is not " + std::string(what));
  }

 private:
  json values_;
  std::string where_;
};

Activation activation(const Section& section) {
  const auto name = section.text("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "gelu") return Activation::kGelu;
  throw std::runtime_error(section.where() + ": hidden_act \"" + name + "\" is not supported; quick_gelu and gelu are");
}

// Defaults are transformers' CLIPTextConfig and CLIPVisionConfig: files on the hub leave keys out.
ClipConfig huggingface_config(const fs::path& file) {
  const Section top(read_json(file), file.string());
  const auto type = top.text("model_type", "clip");
  if (type != "clip") throw std::runtime_error(file.string() + ": model_type \"" + type + "\" is not supported; \"clip\" is");
  const auto text = top.section(top.has("text_config_dict") ? "text_config_dict" : "text_config");
  const auto vision = top.section(top.has("vision_config_dict") ? "vision_config_dict" : "vision_config");
  ClipConfig config;
  config.embedding_dimension = top.integer("projection_dim", 512);
  config.vision.image_size = vision.integer("image_size", 224);
  config.vision.width = vision.integer("hidden_size", 768);
  config.vision.heads = vision.integer("num_attention_heads", 12);
  config.vision.layers = vision.integer("num_hidden_layers", 12);
  config.vision.patch_size = vision.integer("patch_size", 32);
  config.vision.mlp_width = vision.integer("intermediate_size", 3072);
  config.vision.activation = activation(vision);
  config.vision.layer_norm_epsilon = static_cast<float>(vision.number("layer_norm_eps", 1e-5));
  config.text.context_length = text.integer("max_position_embeddings", 77);
  config.text.vocabulary_size = text.integer("vocab_size", 49408);
  config.text.width = text.integer("hidden_size", 512);
  config.text.heads = text.integer("num_attention_heads", 8);
  config.text.layers = text.integer("num_hidden_layers", 12);
  config.text.mlp_width = text.integer("intermediate_size", 2048);
  config.text.activation = activation(text);
  config.text.layer_norm_epsilon = static_cast<float>(text.number("layer_norm_eps", 1e-5));
  // OpenAI's own files say 2, which is wrong and which transformers takes as "the highest id".
  constexpr int kLegacyEndToken = 2;
  const int end_token = text.integer("eos_token_id", 49407);
  config.text.end_token = end_token == kLegacyEndToken ? -1 : end_token;
  return config;
}

int mlp_width(const Section& section, int width) { return static_cast<int>(width * section.number("mlp_ratio", 4.0)); }

// Defaults are open_clip's CLIPVisionCfg and CLIPTextCfg.
VisionConfig open_clip_vision(const Section& vision, Activation activation) {
  for (const auto* key : {"timm_model_name", "attentional_pool", "no_ln_pre", "pool_type", "final_ln_after_pool", "ls_init_value"}) {
    if (!vision.has(key)) continue;
    const auto& value = vision.values()[key];
    const bool harmless = value == false || value == "tok";
    if (!harmless) throw std::runtime_error(vision.where() + ": \"" + key + "\" is an architecture that clipdex does not support");
  }
  VisionConfig config;
  config.image_size = vision.integer("image_size", 224);
  const int head_width = vision.integer("head_width", 64);
  if (head_width < 1) vision.fail("head_width", "positive");
  config.width = vision.integer("width", 768);
  config.activation = activation;
  if (vision.has("layers") && vision.values()["layers"].is_array()) {
    const auto& blocks = vision.values()["layers"];
    config.kind = VisionKind::kResNet;
    config.width = vision.integer("width", 64);
    if (blocks.size() != config.stage_blocks.size()) vision.fail("layers", "four whole numbers");
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (!blocks[i].is_number_unsigned() || blocks[i] > 256) vision.fail("layers", "four whole numbers");
      config.stage_blocks[i] = blocks[i].get<int>();
    }
    constexpr int kFeaturesPerWidth = 32;  // the last stage has 8 width planes, times the expansion of 4
    config.heads = config.width * kFeaturesPerWidth / head_width;
    return config;
  }
  config.layers = vision.integer("layers", 12);
  config.patch_size = vision.integer("patch_size", 16);
  config.heads = config.width / head_width;
  config.mlp_width = mlp_width(vision, config.width);
  return config;
}

ClipConfig open_clip_config(const fs::path& file) {
  const Section top(read_json(file), file.string());
  const auto model = top.section("model_cfg");
  const auto text = model.section("text_cfg");
  for (const auto* key : {"hf_model_name", "embed_cls", "no_causal_mask", "proj_bias"}) {
    if (!text.has(key) || text.values()[key] == false) continue;
    throw std::runtime_error(text.where() + ": \"" + key + "\" is an architecture that clipdex does not support");
  }
  const auto activation = model.flag("quick_gelu", false) ? Activation::kQuickGelu : Activation::kGelu;
  ClipConfig config;
  config.embedding_dimension = model.integer("embed_dim", 512);
  config.vision = open_clip_vision(model.section("vision_cfg"), activation);
  config.text.context_length = text.integer("context_length", 77);
  config.text.vocabulary_size = text.integer("vocab_size", 49408);
  config.text.width = text.integer("width", 512);
  config.text.heads = text.integer("heads", 8);
  config.text.layers = text.integer("layers", 12);
  config.text.mlp_width = mlp_width(text, config.text.width);
  config.text.activation = activation;
  if (text.text("pool_type", "argmax") == "eos") config.text.end_token = text.integer("eos_id", 2);
  return config;
}

fs::path find_weights(const fs::path& directory, bool open_clip_first) {
  std::vector<std::string> names = {"model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"};
  if (open_clip_first) std::rotate(names.begin(), names.begin() + 1, names.end());
  for (const auto& name : names) {
    if (fs::is_regular_file(directory / name)) return directory / name;
  }
  throw std::runtime_error("no weights in " + directory.string() +
                           ": model.safetensors or open_clip_model.safetensors is what clipdex reads");
}

}  // namespace

ModelDirectory read_model_directory(const fs::path& directory) {
  if (!fs::exists(directory)) throw std::runtime_error("there is no model in " + directory.string() + ": no such file or directory");
  if (!fs::is_directory(directory)) throw std::runtime_error(directory.string() + " is not a directory: name the model's directory");
  const auto huggingface_file = directory / "config.json";
  const auto open_clip_file = directory / "open_clip_config.json";
  const bool has_huggingface = fs::exists(huggingface_file);
  const bool has_open_clip = fs::exists(open_clip_file);
  if (!has_huggingface && !has_open_clip) {
    throw std::runtime_error("there is no model in " + directory.string() + ": it has neither config.json nor open_clip_config.json");
  }
  ModelDirectory model;
  model.directory = directory;
  // With both, config.json describes model.safetensors unless open_clip's own weights are there.
  const bool open_clip = has_open_clip && (!has_huggingface || !fs::exists(directory / "model.safetensors"));
  model.layout = open_clip ? "open_clip" : "huggingface";
  model.weights = find_weights(directory, open_clip);
  model.config = open_clip ? open_clip_config(open_clip_file) : huggingface_config(huggingface_file);
  try {
    validate(model.config);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error((open_clip ? open_clip_file : huggingface_file).string() + ": " + error.what());
  }
  const auto preprocessor = directory / "preprocessor_config.json";
  const int image_size = model.config.vision.image_size;
  if (open_clip) {
    model.preprocessing = read_open_clip_preprocessing(open_clip_file, image_size);
  } else if (fs::exists(preprocessor)) {
    model.preprocessing = read_huggingface_preprocessing(preprocessor, image_size);
  } else {
    model.preprocessing = {
        .width = image_size, .height = image_size, .resize_to = image_size, .convention = PreprocessingConvention::kHuggingFace};
  }
  if (model.preprocessing.width != image_size || model.preprocessing.height != image_size) {
    throw std::runtime_error((open_clip ? open_clip_file : preprocessor).string() + ": preprocessing makes pictures of " +
                             std::to_string(model.preprocessing.width) + " x " + std::to_string(model.preprocessing.height) +
                             " and the model takes " + std::to_string(image_size) + " x " + std::to_string(image_size));
  }
  model.has_tokenizer = Tokenizer::has_files(directory);
  return model;
}

}  // namespace clipdex::encoder
