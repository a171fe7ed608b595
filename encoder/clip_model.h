// CLIP: an image tower, a text tower and the temperature. Names of parameters are those of open_clip's checkpoints
// ("visual.", "text."); OpenAI's are the same without "text.".
#pragma once

#include "encoder/clip_config.h"
#include "encoder/text_transformer.h"
#include "encoder/vision_tower.h"

namespace clipdex::encoder {

struct ClipModel : torch::nn::Module {
  explicit ClipModel(const ClipConfig& config);
  // After the weights are loaded: every layer takes its form for inference.
  void prepare();
  std::shared_ptr<VisionTower> visual;
  std::shared_ptr<TextTransformer> text;
  at::Tensor logit_scale;  // []
};

}  // namespace clipdex::encoder
