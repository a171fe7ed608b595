// CLIP: an image tower, a text tower and the temperature. Names of parameters are those of open_clip's checkpoints
// ("visual.", "text."); OpenAI's are the same without "text.".
#pragma once

#include <functional>

#include "encoder/clip_config.h"
#include "encoder/text_transformer.h"
#include "encoder/vision_tower.h"

namespace clipdex::encoder {

struct ClipModel : torch::nn::Module {
  explicit ClipModel(const ClipConfig& config);
  // After the weights are loaded: every layer takes its form for inference, one after the other; `after_each` follows each of them.
  void prepare(const std::function<void()>& after_each);
  // Or so: matrix products in `type` on `device`, all else there in fp32.
  void reduce(at::Device device, at::ScalarType type);
  std::shared_ptr<VisionTower> visual;
  std::shared_ptr<TextTransformer> text;
  at::Tensor logit_scale;  // []
};

}  // namespace clipdex::encoder
