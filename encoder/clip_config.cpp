#include "encoder/clip_config.h"

#include <stdexcept>
#include <string_view>

namespace clipdex::encoder {
namespace {

void require(bool condition, const std::string& what) {
  if (!condition) throw std::invalid_argument("the model's configuration is impossible: " + what);
}

void require_between(std::string_view name, std::int64_t value, std::int64_t least, std::int64_t most) {
  require(value >= least && value <= most, std::string(name) + " is " + std::to_string(value) + ", and " + std::to_string(least) + " to " +
                                               std::to_string(most) + " is what clipdex supports");
}

std::uint64_t block_parameters(std::uint64_t width, std::uint64_t mlp_width) {
  const std::uint64_t attention = 4 * width * width + 4 * width;
  const std::uint64_t mlp = 2 * width * mlp_width + mlp_width + width;
  const std::uint64_t norms = 4 * width;
  return attention + mlp + norms;
}

std::uint64_t resnet_parameters(const VisionConfig& vision, std::uint64_t embedding) {
  const std::uint64_t width = vision.width;
  const auto convolution_and_norm = [](std::uint64_t in, std::uint64_t out, std::uint64_t kernel) {
    return in * out * kernel * kernel + 2 * out;
  };
  std::uint64_t total =
      convolution_and_norm(3, width / 2, 3) + convolution_and_norm(width / 2, width / 2, 3) + convolution_and_norm(width / 2, width, 3);
  std::uint64_t in = width;
  for (std::size_t stage = 0; stage < vision.stage_blocks.size(); ++stage) {
    const std::uint64_t planes = width << stage;
    for (int i = 0; i < vision.stage_blocks[stage]; ++i) {
      total += convolution_and_norm(in, planes, 1) + convolution_and_norm(planes, planes, 3) + convolution_and_norm(planes, 4 * planes, 1);
      if (i == 0) total += convolution_and_norm(in, 4 * planes, 1);
      in = 4 * planes;
    }
  }
  const std::uint64_t grid = vision.image_size / 32;
  return total + (grid * grid + 1) * in + 3 * (in * in + in) + in * embedding + embedding;
}

std::uint64_t transformer_parameters(const VisionConfig& vision, std::uint64_t embedding) {
  const std::uint64_t width = vision.width;
  const std::uint64_t grid = vision.image_size / vision.patch_size;
  const std::uint64_t patch = vision.patch_size;
  return 3 * patch * patch * width + width + (grid * grid + 1) * width + 4 * width +
         vision.layers * block_parameters(width, vision.mlp_width) + width * embedding;
}

void validate_vision(const VisionConfig& vision) {
  require_between("vision image_size", vision.image_size, 16, 4096);
  require_between("vision width", vision.width, 8, 16'384);
  require_between("vision heads", vision.heads, 1, 1024);
  require(vision.layer_norm_epsilon > 0 && vision.layer_norm_epsilon < 1, "the vision layer_norm_eps is not between 0 and 1");
  if (vision.kind == VisionKind::kResNet) {
    for (const int blocks : vision.stage_blocks) require_between("blocks of a stage", blocks, 1, 256);
    require(vision.image_size % 32 == 0, "a ResNet's image_size is not a multiple of 32");
    require(vision.width % 2 == 0 && (vision.width * 32) % vision.heads == 0, "the ResNet's heads do not divide its width");
    return;
  }
  require_between("vision layers", vision.layers, 1, 256);
  require_between("vision patch_size", vision.patch_size, 1, vision.image_size);
  require_between("vision intermediate_size", vision.mlp_width, 1, 131'072);
  require(vision.width % vision.heads == 0, "the vision heads do not divide the width");
}

void validate_text(const TextConfig& text) {
  require_between("text context length", text.context_length, 2, 65'536);
  require_between("vocabulary size", text.vocabulary_size, 3, 4'000'000);
  require_between("text width", text.width, 8, 16'384);
  require_between("text heads", text.heads, 1, 1024);
  require_between("text layers", text.layers, 1, 256);
  require_between("text intermediate_size", text.mlp_width, 1, 131'072);
  require(text.width % text.heads == 0, "the text heads do not divide the width");
  require(text.layer_norm_epsilon > 0 && text.layer_norm_epsilon < 1, "the text layer_norm_eps is not between 0 and 1");
  require(text.end_token >= -1 && text.end_token < text.vocabulary_size, "the end token is not in the vocabulary");
}

}  // namespace

std::string_view activation_name(Activation activation) { return activation == Activation::kQuickGelu ? "quick_gelu" : "gelu"; }

std::string describe(const ClipConfig& config) {
  const auto& vision = config.vision;
  const auto& text = config.text;
  std::string line = "embed " + std::to_string(config.embedding_dimension);
  line += vision.kind == VisionKind::kResNet ? " resnet" : " vit";
  line +=
      " image " + std::to_string(vision.image_size) + " width " + std::to_string(vision.width) + " heads " + std::to_string(vision.heads);
  if (vision.kind == VisionKind::kResNet) {
    line += " blocks";
    for (const int blocks : vision.stage_blocks) line += " " + std::to_string(blocks);
  } else {
    line += " layers " + std::to_string(vision.layers) + " patch " + std::to_string(vision.patch_size) + " mlp " +
            std::to_string(vision.mlp_width) + " eps " + std::to_string(vision.layer_norm_epsilon * 1e9F) + "e-9 ";
    line += activation_name(vision.activation);
  }
  line += " text context " + std::to_string(text.context_length) + " vocabulary " + std::to_string(text.vocabulary_size) + " width " +
          std::to_string(text.width) + " heads " + std::to_string(text.heads) + " layers " + std::to_string(text.layers) + " mlp " +
          std::to_string(text.mlp_width) + " eps " + std::to_string(text.layer_norm_epsilon * 1e9F) + "e-9 ";
  line += activation_name(text.activation);
  return line + " end " + std::to_string(text.end_token);
}

std::uint64_t visual_parameter_count(const ClipConfig& config) {
  const std::uint64_t embedding = config.embedding_dimension;
  return config.vision.kind == VisionKind::kResNet ? resnet_parameters(config.vision, embedding)
                                                   : transformer_parameters(config.vision, embedding);
}

std::uint64_t parameter_count(const ClipConfig& config) {
  const std::uint64_t width = config.text.width;
  const std::uint64_t text = (config.text.vocabulary_size + config.text.context_length) * width +
                             config.text.layers * block_parameters(width, config.text.mlp_width) + 2 * width +
                             width * config.embedding_dimension;
  return visual_parameter_count(config) + text + /*logit_scale=*/1;
}

void validate(const ClipConfig& config) {
  require_between("the embedding dimension", config.embedding_dimension, 1, 16'384);
  validate_vision(config.vision);
  validate_text(config.text);
}

}  // namespace clipdex::encoder
