// Full-size CLIP checkpoints with random weights: speed does not depend on what a model has learnt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace clipdex::benchmarks {

struct RandomCheckpoint {
  std::string name;  // "ViT-B-32"
  int embedding_dimension = 512;
  int image_size = 224;
  int vision_width = 768;
  int vision_layers = 12;  // 0: a ResNet of the depths of RN50
  int patch_size = 32;
  int text_width = 512;
  int text_layers = 12;
  double gflop_image = 0;  // 2 x multiply-adds of one image (open_clip, model_profile.csv)
};

RandomCheckpoint vit_b_32();
RandomCheckpoint vit_l_14();
RandomCheckpoint rn50();

// 2 x multiply-adds of a text of so many tokens, in units of 10^9.
double gflop_text(const RandomCheckpoint& model, int tokens);

// An open_clip directory: open_clip_config.json, open_clip_model.safetensors in fp32, and OpenAI's vocabulary, so that texts can be
// encoded. Returns the bytes of the weights.
std::uintmax_t write_random_checkpoint(const RandomCheckpoint& model, const std::filesystem::path& directory);

}  // namespace clipdex::benchmarks
