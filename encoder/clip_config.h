// The numbers that define a CLIP model, whatever file they came from.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace clipdex::encoder {

enum class VisionKind { kTransformer, kResNet };
enum class Activation { kQuickGelu, kGelu };

// "quick_gelu" or "gelu", as transformers' configurations say.
std::string_view activation_name(Activation activation);

struct VisionConfig {
  VisionKind kind = VisionKind::kTransformer;
  int image_size = 224;  // pixels of a side
  int width = 768;       // transformer width, or ModifiedResNet's base width (64 for RN50)
  int heads = 12;        // of the transformer, or of the attention pool
  float layer_norm_epsilon = 1e-5F;
  // Transformer only.
  int layers = 12;
  int patch_size = 32;
  int mlp_width = 3072;
  Activation activation = Activation::kQuickGelu;
  // ResNet only: blocks a stage.
  std::array<int, 4> stage_blocks{3, 4, 6, 3};
  bool operator==(const VisionConfig&) const = default;
};

struct TextConfig {
  int context_length = 77;
  int vocabulary_size = 49408;
  int width = 512;
  int heads = 8;
  int layers = 12;
  int mlp_width = 2048;
  Activation activation = Activation::kQuickGelu;
  float layer_norm_epsilon = 1e-5F;
  // The token whose position is pooled; -1: the first position of the highest id, as OpenAI's model does.
  std::int32_t end_token = -1;
  bool operator==(const TextConfig&) const = default;
};

struct ClipConfig {
  int embedding_dimension = 512;
  VisionConfig vision;
  TextConfig text;
  bool operator==(const ClipConfig&) const = default;
};

// One line that changes whenever the model's function may change; part of the fingerprint.
std::string describe(const ClipConfig& config);

// Of both towers and the temperature, without the running statistics of batch normalisation.
std::uint64_t parameter_count(const ClipConfig& config);
// Of the image tower, its projection included.
std::uint64_t visual_parameter_count(const ClipConfig& config);

// Throws std::invalid_argument that names the impossible number (negative, heads that do not divide the width, absurdly large, ...).
void validate(const ClipConfig& config);

}  // namespace clipdex::encoder
