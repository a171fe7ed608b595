#include "encoder/published_models.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace clipdex::encoder {
namespace {

struct TextSize {
  int width, heads, layers;
};

struct PublishedResNet {
  std::string_view name;
  int embedding, image_size, width;
  std::array<int, 4> blocks;
  TextSize text;
};

constexpr PublishedResNet kResNets[] = {
    {"RN50", 1024, 224, 64, {3, 4, 6, 3}, {512, 8, 12}},          {"RN101", 512, 224, 64, {3, 4, 23, 3}, {512, 8, 12}},
    {"RN50x4", 640, 288, 80, {4, 6, 10, 6}, {640, 10, 12}},       {"RN50x16", 768, 384, 96, {6, 8, 18, 8}, {768, 12, 12}},
    {"RN50x64", 1024, 448, 128, {3, 15, 36, 10}, {1024, 16, 12}},
};

struct PublishedTransformer {
  std::string_view name;
  int embedding, image_size, patch, layers, width, head_width, mlp_width;
  TextSize text;
};

// mlp_width: int(width * mlp_ratio) of open_clip's files, 4.3637 for g and 4.9231 for bigG.
constexpr PublishedTransformer kTransformers[] = {
    {"ViT-B/32", 512, 224, 32, 12, 768, 64, 3072, {512, 8, 12}},           {"ViT-B/16", 512, 224, 16, 12, 768, 64, 3072, {512, 8, 12}},
    {"ViT-B/16-plus-240", 640, 240, 16, 12, 896, 64, 3584, {640, 10, 12}}, {"ViT-L/14", 768, 224, 14, 24, 1024, 64, 4096, {768, 12, 12}},
    {"ViT-L/14@336", 768, 336, 14, 24, 1024, 64, 4096, {768, 12, 12}},     {"ViT-H/14", 1024, 224, 14, 32, 1280, 80, 5120, {1024, 16, 24}},
    {"ViT-H/14@378", 1024, 378, 14, 32, 1280, 80, 5120, {1024, 16, 24}},   {"ViT-g/14", 1024, 224, 14, 40, 1408, 88, 6144, {1024, 16, 24}},
    {"ViT-bigG/14", 1280, 224, 14, 48, 1664, 104, 8192, {1280, 20, 32}},
};

constexpr int kFeaturesPerWidth = 32;  // of a ResNet: its last stage has 8 width planes, times the expansion of 4
constexpr int kHeadWidth = 64;

TextConfig text_config(const TextSize& size) {
  return {.width = size.width, .heads = size.heads, .layers = size.layers, .mlp_width = 4 * size.width, .activation = Activation::kGelu};
}

ClipConfig config_of(const PublishedResNet& model) {
  ClipConfig config{.embedding_dimension = model.embedding, .text = text_config(model.text)};
  config.vision.kind = VisionKind::kResNet;
  config.vision.image_size = model.image_size;
  config.vision.width = model.width;
  config.vision.heads = model.width * kFeaturesPerWidth / kHeadWidth;
  config.vision.stage_blocks = model.blocks;
  config.vision.activation = Activation::kGelu;
  return config;
}

ClipConfig config_of(const PublishedTransformer& model) {
  ClipConfig config{.embedding_dimension = model.embedding, .text = text_config(model.text)};
  config.vision.image_size = model.image_size;
  config.vision.width = model.width;
  config.vision.heads = model.width / model.head_width;
  config.vision.layers = model.layers;
  config.vision.patch_size = model.patch;
  config.vision.mlp_width = model.mlp_width;
  config.vision.activation = Activation::kGelu;
  return config;
}

// "ViT-L/14@336px" and "ViT-L-14-336" are one name.
std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name) key += c == '/' || c == '@' || c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (key.ends_with("px")) key.resize(key.size() - 2);
  return key;
}

bool same_shape(ClipConfig a, const ClipConfig& b) {
  a.text.activation = b.text.activation;
  a.vision.activation = b.vision.activation;
  a.text.end_token = b.text.end_token;
  if (a.vision.kind == VisionKind::kResNet && b.vision.kind == VisionKind::kResNet) {  // what only transformers have is of no account
    a.vision.layers = b.vision.layers;
    a.vision.patch_size = b.vision.patch_size;
    a.vision.mlp_width = b.vision.mlp_width;
  }
  return a == b;
}

std::string description(const VisionConfig& vision) {
  const std::string image_size = std::to_string(vision.image_size);
  if (vision.kind == VisionKind::kResNet) return "ResNet " + std::to_string(vision.width) + " @" + image_size;
  struct Size {
    std::string_view name;
    int layers, width;
  };
  static constexpr Size kSizes[] = {{"S", 12, 384},  {"M", 12, 512},  {"B", 12, 768},    {"L", 24, 1024},
                                    {"H", 32, 1280}, {"g", 40, 1408}, {"bigG", 48, 1664}};
  const std::string patch = "/" + std::to_string(vision.patch_size);
  for (const auto& size : kSizes) {
    if (size.layers != vision.layers || size.width != vision.width) continue;
    return "ViT-" + std::string(size.name) + patch + (vision.image_size == 224 ? "" : "@" + image_size);
  }
  return "ViT " + std::to_string(vision.layers) + "x" + std::to_string(vision.width) + " " + patch + " @" + image_size;
}

}  // namespace

std::vector<std::string> published_names() {
  std::vector<std::string> names;
  for (const auto& model : kResNets) names.emplace_back(model.name);
  for (const auto& model : kTransformers) names.emplace_back(model.name);
  return names;
}

std::optional<ClipConfig> published_config(std::string_view name) {
  constexpr std::string_view kQuickGelu = "-quickgelu";
  std::string key = key_of(name);
  const bool quick = key.ends_with(kQuickGelu);
  if (quick) key = key_of(key.substr(0, key.size() - kQuickGelu.size()));
  const auto with_activation = [&](ClipConfig config) {
    if (quick) config.vision.activation = config.text.activation = Activation::kQuickGelu;
    return config;
  };
  for (const auto& model : kResNets) {
    if (key_of(model.name) == key) return with_activation(config_of(model));
  }
  for (const auto& model : kTransformers) {
    if (key_of(model.name) == key) return with_activation(config_of(model));
  }
  return std::nullopt;
}

std::string architecture_name(const ClipConfig& config) {
  for (const auto& model : kResNets) {
    if (same_shape(config, config_of(model))) return std::string(model.name);
  }
  for (const auto& model : kTransformers) {
    if (same_shape(config, config_of(model))) return std::string(model.name);
  }
  return description(config.vision);
}

int vision_head_width(int width, int layers) {
  for (const auto& model : kTransformers) {
    if (model.width == width && model.layers == layers) return model.head_width;
  }
  return kHeadWidth;
}

}  // namespace clipdex::encoder
