#include "tests/cli/golden_model.h"

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>

namespace clipdex::tests {
namespace {

namespace fs = std::filesystem;
using StateDict = std::map<std::string, TensorData>;
using Shape = std::vector<std::int64_t>;

constexpr int kContext = 10, kVocabulary = 512, kTextWidth = 64, kTextLayers = 2;
constexpr int kVisionWidth = 128, kVisionLayers = 2, kPatch = 16, kImage = 64;
constexpr int kVitDimension = 32, kResNetDimension = 24, kResNetWidth = 16;
constexpr std::array<int, 4> kResNetBlocks = {1, 2, 1, 1};

std::uint32_t fnv1a(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

// In [0, 1).
float uniform(const std::string& key, std::size_t i) {
  std::uint32_t h = fnv1a(key) + static_cast<std::uint32_t>(i) * 2654435761U;
  h ^= h >> 16;
  h *= 2246822519U;
  h ^= h >> 13;
  return static_cast<float>(h >> 8) / 16777216.0F;
}

bool is_norm_weight(const std::string& key) {
  if (!key.ends_with(".weight")) return false;
  return key.find("ln_") != std::string::npos || key.find("bn") != std::string::npos || key.find("downsample.1") != std::string::npos;
}

float golden_value(const std::string& key, std::size_t dimensions, std::size_t i) {
  const float s = golden_number(key, i);
  if (key == "logit_scale") return 2.5F;
  if (key.ends_with("running_var")) return 1 + 0.5F * uniform(key, i);
  if (key.ends_with("running_mean")) return 0.1F * s;
  if (is_norm_weight(key)) return 1 + 0.1F * s;
  if (key.ends_with("bias")) return 0.1F * s;
  return (dimensions == 4 ? 0.25F : 0.125F) * s;
}

void add(StateDict& weights, const std::string& key, const Shape& shape) {
  const auto size = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = golden_value(key, shape.size(), i);
  weights[key] = float_tensor(shape, values);
}

void add_linear(StateDict& weights, const std::string& key, std::int64_t out, std::int64_t in) {
  add(weights, key + ".weight", {out, in});
  add(weights, key + ".bias", {out});
}

void add_layer_norm(StateDict& weights, const std::string& key, std::int64_t width) {
  add(weights, key + ".weight", {width});
  add(weights, key + ".bias", {width});
}

void add_batch_norm(StateDict& weights, const std::string& key, std::int64_t width) {
  for (const auto* part : {".weight", ".bias", ".running_mean", ".running_var"}) add(weights, key + part, {width});
}

void add_block(StateDict& weights, const std::string& key, std::int64_t width) {
  add_layer_norm(weights, key + ".ln_1", width);
  add_layer_norm(weights, key + ".ln_2", width);
  add(weights, key + ".attn.in_proj_weight", {3 * width, width});
  add(weights, key + ".attn.in_proj_bias", {3 * width});
  add_linear(weights, key + ".attn.out_proj", width, width);
  add_linear(weights, key + ".mlp.c_fc", 4 * width, width);
  add_linear(weights, key + ".mlp.c_proj", width, 4 * width);
}

void add_text_tower(StateDict& weights, std::int64_t dimension) {
  add(weights, "logit_scale", {});
  add(weights, "token_embedding.weight", {kVocabulary, kTextWidth});
  add(weights, "positional_embedding", {kContext, kTextWidth});
  add(weights, "text_projection", {kTextWidth, dimension});
  add_layer_norm(weights, "ln_final", kTextWidth);
  for (int layer = 0; layer < kTextLayers; ++layer) add_block(weights, "transformer.resblocks." + std::to_string(layer), kTextWidth);
}

void add_bottleneck(StateDict& weights, const std::string& key, std::int64_t in, std::int64_t planes, bool downsamples) {
  add(weights, key + ".conv1.weight", {planes, in, 1, 1});
  add_batch_norm(weights, key + ".bn1", planes);
  add(weights, key + ".conv2.weight", {planes, planes, 3, 3});
  add_batch_norm(weights, key + ".bn2", planes);
  add(weights, key + ".conv3.weight", {4 * planes, planes, 1, 1});
  add_batch_norm(weights, key + ".bn3", 4 * planes);
  if (!downsamples) return;
  add(weights, key + ".downsample.0.weight", {4 * planes, in, 1, 1});
  add_batch_norm(weights, key + ".downsample.1", 4 * planes);
}

nlohmann::json text_config() {
  return {{"context_length", kContext}, {"vocab_size", kVocabulary}, {"width", kTextWidth}, {"heads", 1}, {"layers", kTextLayers}};
}

void write_open_clip(const fs::path& directory, std::int64_t dimension, const nlohmann::json& vision, const StateDict& weights) {
  fs::create_directories(directory);
  const nlohmann::json model = {{"embed_dim", dimension}, {"quick_gelu", true}, {"vision_cfg", vision}, {"text_cfg", text_config()}};
  std::ofstream(directory / "open_clip_config.json") << nlohmann::json{{"model_cfg", model}}.dump(1);
  write_safetensors(directory / "open_clip_model.safetensors", weights);
}

TensorData transposed(const TensorData& tensor) {
  const auto rows = static_cast<std::size_t>(tensor.shape[0]), columns = static_cast<std::size_t>(tensor.shape[1]);
  const auto values = floats_of(tensor);
  std::vector<float> turned(values.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) turned[j * rows + i] = values[i * columns + j];
  }
  return float_tensor({tensor.shape[1], tensor.shape[0]}, turned);
}

TensorData third(const TensorData& tensor, std::size_t part) {
  auto shape = tensor.shape;
  shape[0] /= 3;
  const std::size_t bytes = tensor.bytes.size() / 3;
  return {tensor.dtype, shape, tensor.bytes.substr(part * bytes, bytes)};
}

void add_huggingface_block(StateDict& out, const StateDict& weights, const std::string& ours, const std::string& theirs) {
  const std::pair<const char*, const char*> names[] = {{".ln_1", ".layer_norm1"},
                                                       {".ln_2", ".layer_norm2"},
                                                       {".attn.out_proj", ".self_attn.out_proj"},
                                                       {".mlp.c_fc", ".mlp.fc1"},
                                                       {".mlp.c_proj", ".mlp.fc2"}};
  const char* projections[] = {"q_proj", "k_proj", "v_proj"};
  const auto joined = [](std::string text, std::string_view more, std::string_view kind) { return text.append(more).append(kind); };
  for (const auto* kind : {"weight", "bias"}) {
    for (const auto& [name, their_name] : names) {
      out[joined(theirs, their_name, ".") + kind] = weights.at(joined(ours, name, ".") + kind);
    }
    const auto& all = weights.at(joined(ours, ".attn.in_proj_", kind));
    for (std::size_t i = 0; i < 3; ++i) out[joined(theirs + ".self_attn.", projections[i], ".") + kind] = third(all, i);
  }
}

StateDict huggingface_names(const StateDict& weights) {
  const std::pair<const char*, const char*> names[] = {{"logit_scale", "logit_scale"},
                                                       {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
                                                       {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
                                                       {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
                                                       {"visual.ln_pre.weight", "vision_model.pre_layrnorm.weight"},
                                                       {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"},
                                                       {"visual.ln_post.weight", "vision_model.post_layernorm.weight"},
                                                       {"visual.ln_post.bias", "vision_model.post_layernorm.bias"},
                                                       {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
                                                       {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
                                                       {"ln_final.weight", "text_model.final_layer_norm.weight"},
                                                       {"ln_final.bias", "text_model.final_layer_norm.bias"}};
  StateDict out;
  for (const auto& [ours, theirs] : names) out[theirs] = weights.at(ours);
  out["visual_projection.weight"] = transposed(weights.at("visual.proj"));
  out["text_projection.weight"] = transposed(weights.at("text_projection"));
  for (int i = 0; i < kVisionLayers; ++i) {
    const auto layer = std::to_string(i);
    add_huggingface_block(out, weights, "visual.transformer.resblocks." + layer, "vision_model.encoder.layers." + layer);
  }
  for (int i = 0; i < kTextLayers; ++i) {
    const auto layer = std::to_string(i);
    add_huggingface_block(out, weights, "transformer.resblocks." + layer, "text_model.encoder.layers." + layer);
  }
  return out;
}

}  // namespace

float golden_number(const std::string& key, std::size_t i) { return 2 * uniform(key, i) - 1; }

std::vector<float> floats_of(const TensorData& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

StateDict golden_vit() {
  StateDict weights;
  add_text_tower(weights, kVitDimension);
  constexpr int kPositions = (kImage / kPatch) * (kImage / kPatch) + 1;
  add(weights, "visual.conv1.weight", {kVisionWidth, 3, kPatch, kPatch});
  add(weights, "visual.class_embedding", {kVisionWidth});
  add(weights, "visual.positional_embedding", {kPositions, kVisionWidth});
  add_layer_norm(weights, "visual.ln_pre", kVisionWidth);
  add_layer_norm(weights, "visual.ln_post", kVisionWidth);
  add(weights, "visual.proj", {kVisionWidth, kVitDimension});
  for (int i = 0; i < kVisionLayers; ++i) add_block(weights, "visual.transformer.resblocks." + std::to_string(i), kVisionWidth);
  return weights;
}

StateDict golden_vit_in_huggingface_names() { return huggingface_names(golden_vit()); }

StateDict golden_resnet() {
  StateDict weights;
  add_text_tower(weights, kResNetDimension);
  add(weights, "visual.conv1.weight", {kResNetWidth / 2, 3, 3, 3});
  add_batch_norm(weights, "visual.bn1", kResNetWidth / 2);
  add(weights, "visual.conv2.weight", {kResNetWidth / 2, kResNetWidth / 2, 3, 3});
  add_batch_norm(weights, "visual.bn2", kResNetWidth / 2);
  add(weights, "visual.conv3.weight", {kResNetWidth, kResNetWidth / 2, 3, 3});
  add_batch_norm(weights, "visual.bn3", kResNetWidth);
  std::int64_t in = kResNetWidth;
  for (int stage = 0; stage < 4; ++stage) {
    const auto planes = std::int64_t{kResNetWidth} << stage;
    for (int block = 0; block < kResNetBlocks[static_cast<std::size_t>(stage)]; ++block) {
      add_bottleneck(weights, "visual.layer" + std::to_string(stage + 1) + "." + std::to_string(block), in, planes, block == 0);
      in = 4 * planes;
    }
  }
  constexpr int kPositions = (kImage / 32) * (kImage / 32) + 1;
  add(weights, "visual.attnpool.positional_embedding", {kPositions, in});
  for (const auto* part : {"q_proj", "k_proj", "v_proj"}) add_linear(weights, std::string("visual.attnpool.") + part, in, in);
  add_linear(weights, "visual.attnpool.c_proj", kResNetDimension, in);
  return weights;
}

void write_golden_vit_as_open_clip(const fs::path& directory) {
  const nlohmann::json vision = {
      {"image_size", kImage}, {"patch_size", kPatch}, {"width", kVisionWidth}, {"layers", kVisionLayers}, {"head_width", 64}};
  write_open_clip(directory, kVitDimension, vision, golden_vit());
}

void write_golden_resnet_as_open_clip(const fs::path& directory) {
  const nlohmann::json vision = {{"image_size", kImage}, {"width", kResNetWidth}, {"layers", kResNetBlocks}, {"head_width", 64}};
  write_open_clip(directory, kResNetDimension, vision, golden_resnet());
}

void write_golden_vit_as_huggingface(const fs::path& directory) {
  fs::create_directories(directory);
  const nlohmann::json text = {{"hidden_size", kTextWidth},        {"intermediate_size", 4 * kTextWidth}, {"num_attention_heads", 1},
                               {"num_hidden_layers", kTextLayers}, {"max_position_embeddings", kContext}, {"vocab_size", kVocabulary},
                               {"hidden_act", "quick_gelu"},       {"eos_token_id", kVocabulary - 1}};
  const nlohmann::json vision = {{"hidden_size", kVisionWidth},
                                 {"intermediate_size", 4 * kVisionWidth},
                                 {"num_attention_heads", kVisionWidth / 64},
                                 {"num_hidden_layers", kVisionLayers},
                                 {"image_size", kImage},
                                 {"patch_size", kPatch},
                                 {"hidden_act", "quick_gelu"}};
  const nlohmann::json config = {
      {"model_type", "clip"}, {"projection_dim", kVitDimension}, {"text_config", text}, {"vision_config", vision}};
  std::ofstream(directory / "config.json") << config.dump(1);
  write_safetensors(directory / "model.safetensors", golden_vit_in_huggingface_names());
}

std::vector<float> golden_pixels() {
  constexpr std::size_t kPlanes = std::size_t{2} * 3, kCells = 8, kRepeats = 8, kSide = kCells * kRepeats;
  std::vector<float> pixels;
  for (std::size_t plane = 0; plane < kPlanes; ++plane) {
    for (std::size_t y = 0; y < kSide; ++y) {
      for (std::size_t x = 0; x < kSide; ++x) {
        pixels.push_back(2 * golden_number("image", (plane * kCells + y / kRepeats) * kCells + x / kRepeats));
      }
    }
  }
  return pixels;
}

std::vector<std::vector<int>> golden_tokens() {
  return {{510, 1, 2, 3, 511, 0, 0, 0, 0, 0}, {510, 7, 300, 12, 45, 509, 8, 511, 0, 0}, {510, 511, 0, 0, 0, 0, 0, 0, 0, 0}};
}

void write_npy(const fs::path& file, const std::vector<std::size_t>& shape, std::span<const float> values, const std::string& descr,
               const std::string& order) {
  std::string sizes;
  for (const auto size : shape) sizes += std::to_string(size) + ",";
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': (" + sizes + "), }";
  while ((header.size() + 11) % 64 != 0) header += ' ';
  header += '\n';
  std::ofstream stream(file, std::ios::binary);
  stream << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(header.size() & 0xFF) << static_cast<char>(header.size() >> 8) << header;
  stream.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
}

}  // namespace clipdex::tests
