#include "encoder/config_files.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string_view>

#include "encoder/config_section.h"
#include "encoder/published_models.h"

namespace clipdex::encoder {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// OpenAI's own files say 2, which is wrong and which transformers takes as "the highest id".
constexpr int kLegacyEndToken = 2;
constexpr int kDefaultEndToken = 49407;
constexpr int kHeadWidth = 64;
constexpr int kFeaturesPerWidth = 32;  // of a ResNet: its last stage has 8 width planes, times the expansion of 4
constexpr float kEpsilon = 1e-5F;
constexpr const char* kRemedy = "; clipdex reads the CLIP of openai/CLIP, open_clip and transformers, so take a checkpoint of that family";

void check(const ClipConfig& config, const fs::path& file) {
  try {
    validate(config);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

Activation activation(const ConfigSection& section) {
  const auto name = section.text("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return Activation::kQuickGelu;
  if (name == "gelu") return Activation::kGelu;
  throw std::runtime_error(section.where() + ": hidden_act \"" + name + "\" is not supported; quick_gelu and gelu are");
}

// A key of open_clip that clipdex does not read, and the value at which it changes nothing.
struct KnownKey {
  const char* name;
  const char* harmless;  // JSON; nullptr: whatever it says
};

// Those of open_clip's CLIPVisionCfg and CLIPTextCfg (open_clip/model.py, versions 2 and 3) whose default is not null, false or empty, or
// that matter to training or to towers of other kinds alone.
constexpr KnownKey kModelKeys[] = {
    {"embed_dim", nullptr},   {"vision_cfg", nullptr},       {"text_cfg", nullptr},    {"quick_gelu", nullptr},
    {"custom_text", nullptr}, {"init_logit_scale", nullptr}, {"output_dict", nullptr}, {"nonscalar_logit_scale", nullptr},
    {"cast_dtype", nullptr}};
constexpr KnownKey kVisionKeys[] = {{"image_size", nullptr},
                                    {"layers", nullptr},
                                    {"width", nullptr},
                                    {"head_width", nullptr},
                                    {"patch_size", nullptr},
                                    {"mlp_ratio", nullptr},
                                    {"patch_dropout", nullptr},
                                    {"output_tokens", nullptr},
                                    {"attn_pooler_queries", nullptr},
                                    {"n_queries", nullptr},
                                    {"attn_pooler_heads", nullptr},
                                    {"timm_model_pretrained", nullptr},
                                    {"timm_pool", nullptr},
                                    {"timm_proj", nullptr},
                                    {"timm_proj_bias", nullptr},
                                    {"timm_drop", nullptr},
                                    {"timm_drop_path", nullptr},
                                    {"pos_embed_type", R"("learnable")"},
                                    {"pool_type", R"("tok")"},
                                    {"block_type", R"("default")"},
                                    {"norm_kwargs", R"({"eps":1e-5})"}};
// hf_tokenizer_name says where the tokenizer came from: its files lie beside the weights, and what cannot be read of them is refused there.
constexpr KnownKey kTextKeys[] = {{"context_length", nullptr},
                                  {"vocab_size", nullptr},
                                  {"width", nullptr},
                                  {"heads", nullptr},
                                  {"layers", nullptr},
                                  {"mlp_ratio", nullptr},
                                  {"pool_type", nullptr},
                                  {"eos_id", nullptr},
                                  {"pad_id", nullptr},
                                  {"output_tokens", nullptr},
                                  {"hf_tokenizer_name", nullptr},
                                  {"hf_model_pretrained", nullptr},
                                  {"hf_proj_type", nullptr},
                                  {"hf_pooler_type", nullptr},
                                  {"tokenizer_kwargs", R"({"clean":"lower"})"},
                                  {"proj", nullptr},
                                  {"pooler_type", nullptr},
                                  {"proj_type", R"("linear")"},
                                  {"block_type", R"("default")"},
                                  {"norm_kwargs", R"({"eps":1e-5})"}};

// How the tokenizer is used, if it is of another vocabulary than CLIP's (MetaCLIP 2's): clipdex has none for such a model anyhow, which
// takes pictures and token ids all the same.
constexpr KnownKey kForeignTokenizerKeys[] = {{"tokenizer_kwargs", nullptr}, {"tokenizer_mode", nullptr}};

bool has_foreign_tokenizer(const ConfigSection& text) {
  constexpr int kVocabulary = 49408;
  return text.has("hf_tokenizer_name") && text.integer("vocab_size", kVocabulary) != kVocabulary;
}

bool is_off(const json& value) { return value.is_null() || value == false || (value.is_structured() && value.empty()) || value == ""; }

// Who knows what a key changes that is not among these: it is refused unless it is off.
void refuse_others(const ConfigSection& section, std::span<const KnownKey> known, std::span<const KnownKey> more = {}) {
  for (const auto& item : section.values().items()) {
    const auto& key = item.key();
    const json& value = item.value();
    if (is_off(value)) continue;
    const auto harmless = [&](const KnownKey& each) {
      return key == each.name && (each.harmless == nullptr || value == json::parse(each.harmless));
    };
    if (std::any_of(known.begin(), known.end(), harmless) || std::any_of(more.begin(), more.end(), harmless)) continue;
    throw std::runtime_error(section.where() + ": \"" + key + "\" is an architecture or a tokenizer that clipdex does not support" +
                             kRemedy);
  }
}

int mlp_width(const ConfigSection& section, int width) {
  const double product = width * section.number("mlp_ratio", 4.0);
  if (!(product >= 1 && product <= INT32_MAX)) section.fail("mlp_ratio", "a ratio of widths");
  return static_cast<int>(product);
}

void read_stage_blocks(const ConfigSection& vision, VisionConfig& config) {
  const auto& blocks = vision["layers"];
  if (blocks.size() != config.stage_blocks.size()) vision.fail("layers", "four whole numbers");
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (!blocks[i].is_number_unsigned() || blocks[i].get<std::uint64_t>() > 256) vision.fail("layers", "four whole numbers");
    config.stage_blocks[i] = blocks[i].get<int>();
  }
}

// Defaults are open_clip's CLIPVisionCfg and CLIPTextCfg.
VisionConfig open_clip_vision(const ConfigSection& vision, Activation activation) {
  refuse_others(vision, kVisionKeys);
  VisionConfig config;
  config.image_size = vision.integer("image_size", 224);
  const int head_width = vision.integer("head_width", kHeadWidth);
  if (head_width < 1) vision.fail("head_width", "positive");
  config.activation = activation;
  if (vision.has("layers") && vision["layers"].is_array()) {
    config.kind = VisionKind::kResNet;
    config.width = vision.integer("width", 64);
    if (config.width < 1 || config.width > 16'384) vision.fail("width", "a ResNet's width");
    read_stage_blocks(vision, config);
    config.heads = config.width * kFeaturesPerWidth / head_width;
    return config;
  }
  config.width = vision.integer("width", 768);
  config.layers = vision.integer("layers", 12);
  config.patch_size = vision.integer("patch_size", 16);
  config.heads = config.width / head_width;
  config.mlp_width = mlp_width(vision, config.width);
  return config;
}

// "RN50, RN101, ..."
std::string known_names() {
  std::string names;
  for (const auto& name : published_names()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// The shortest decimal that gives the same float.
double exact(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double number = value;
  std::from_chars(text, end, number);
  return number;
}

// The ratio from which mlp_width() makes `mlp` again.
double ratio_of(int width, int mlp) {
  double ratio = static_cast<double>(mlp) / width;
  while (static_cast<int>(width * ratio) < mlp) ratio = std::nextafter(ratio, HUGE_VAL);
  return ratio;
}

}  // namespace

bool is_huggingface_config(const fs::path& file) {
  const auto top = ConfigSection::read(file);
  return top.has("model_type") || top.has("text_config") || top.has("vision_config") || !top.has("architecture");
}

bool is_open_clip_config(const fs::path& file) { return ConfigSection::read(file).has("model_cfg"); }

// Defaults are transformers' CLIPTextConfig and CLIPVisionConfig: files on the hub leave keys out.
ClipConfig read_huggingface_config(const fs::path& file) {
  const auto top = ConfigSection::read(file);
  const auto type = top.text("model_type", "clip");
  if (type != "clip") throw std::runtime_error(file.string() + ": model_type \"" + type + "\" is not supported; \"clip\" is" + kRemedy);
  // A "..._dict", with the defaults of what it leaves out, takes the place of the section it is named after.
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
  const int end_token = text.integer("eos_token_id", kDefaultEndToken);
  config.text.end_token = end_token == kLegacyEndToken ? -1 : end_token;
  // A small vocabulary's file that leaves the key out cannot mean the default.
  if (!text.has("eos_token_id") && config.text.vocabulary_size <= kDefaultEndToken) config.text.end_token = -1;
  check(config, file);
  return config;
}

ClipConfig read_open_clip_config(const fs::path& file) {
  const auto top = ConfigSection::read(file);
  if (top.has("model_cfg") && top["model_cfg"].is_string()) {
    const auto name = top.text("model_cfg", "");
    const auto config = published_config(name);
    if (config) return *config;
    throw std::runtime_error(file.string() + ": model_cfg \"" + name + "\" is not a model that clipdex knows by name (" + known_names() +
                             "): give its numbers");
  }
  const auto model = top.section("model_cfg");
  const auto text = model.section("text_cfg");
  refuse_others(model, kModelKeys);
  refuse_others(text, kTextKeys, has_foreign_tokenizer(text) ? kForeignTokenizerKeys : std::span<const KnownKey>());
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
  const auto pool = text.text("pool_type", "argmax");
  if (pool != "argmax" && pool != "eos") {
    throw std::runtime_error(text.where() + ": pool_type \"" + pool + "\" is not supported; argmax and eos are" + kRemedy);
  }
  if (pool == "eos") config.text.end_token = text.integer("eos_id", 2);
  check(config, file);
  return config;
}

std::optional<std::string> huggingface_config_text(const ClipConfig& config, std::optional<int> start_token, const std::string& type) {
  if (config.vision.kind == VisionKind::kResNet || config.text.end_token == kLegacyEndToken) return std::nullopt;
  const auto& vision = config.vision;
  const auto& text = config.text;
  json text_config = {{"model_type", "clip_text_model"},
                      {"vocab_size", text.vocabulary_size},
                      {"hidden_size", text.width},
                      {"intermediate_size", text.mlp_width},
                      {"num_hidden_layers", text.layers},
                      {"num_attention_heads", text.heads},
                      {"max_position_embeddings", text.context_length},
                      {"hidden_act", activation_name(text.activation)},
                      {"layer_norm_eps", exact(text.layer_norm_epsilon)},
                      {"eos_token_id", text.end_token < 0 ? kLegacyEndToken : text.end_token},
                      {"projection_dim", config.embedding_dimension}};
  if (start_token) text_config["bos_token_id"] = *start_token;
  const json vision_config = {{"model_type", "clip_vision_model"},
                              {"image_size", vision.image_size},
                              {"patch_size", vision.patch_size},
                              {"num_channels", 3},
                              {"hidden_size", vision.width},
                              {"intermediate_size", vision.mlp_width},
                              {"num_hidden_layers", vision.layers},
                              {"num_attention_heads", vision.heads},
                              {"hidden_act", activation_name(vision.activation)},
                              {"layer_norm_eps", exact(vision.layer_norm_epsilon)},
                              {"projection_dim", config.embedding_dimension}};
  const json all = {{"architectures", {"CLIPModel"}},   {"model_type", "clip"}, {"projection_dim", config.embedding_dimension},
                    {"logit_scale_init_value", 2.6592}, {"torch_dtype", type},  {"text_config", text_config},
                    {"vision_config", vision_config}};
  return all.dump(2) + "\n";
}

std::optional<std::string> open_clip_config_text(const ClipConfig& config, const std::string& preprocess_cfg) {
  const auto& vision = config.vision;
  const auto& text = config.text;
  const bool resnet = vision.kind == VisionKind::kResNet;
  if (vision.layer_norm_epsilon != kEpsilon || text.layer_norm_epsilon != kEpsilon) return std::nullopt;
  if (!resnet && vision.activation != text.activation) return std::nullopt;
  json vision_cfg = {{"image_size", vision.image_size},
                     {"width", vision.width},
                     {"head_width", vision.width * (resnet ? kFeaturesPerWidth : 1) / vision.heads}};
  if (resnet) {
    vision_cfg["layers"] = vision.stage_blocks;
  } else {
    vision_cfg["layers"] = vision.layers;
    vision_cfg["patch_size"] = vision.patch_size;
    vision_cfg["mlp_ratio"] = ratio_of(vision.width, vision.mlp_width);
  }
  json text_cfg = {{"context_length", text.context_length},
                   {"vocab_size", text.vocabulary_size},
                   {"width", text.width},
                   {"heads", text.heads},
                   {"layers", text.layers},
                   {"mlp_ratio", ratio_of(text.width, text.mlp_width)}};
  if (text.end_token >= 0) {
    text_cfg["pool_type"] = "eos";
    text_cfg["eos_id"] = text.end_token;
  }
  const json all = {{"model_cfg",
                     {{"embed_dim", config.embedding_dimension},
                      {"quick_gelu", text.activation == Activation::kQuickGelu},
                      {"vision_cfg", vision_cfg},
                      {"text_cfg", text_cfg}}},
                    {"preprocess_cfg", json::parse(preprocess_cfg)}};
  return all.dump(2) + "\n";
}

}  // namespace clipdex::encoder
