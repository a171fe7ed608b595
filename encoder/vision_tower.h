// What both image towers have in common.
#pragma once

#include <torch/nn/module.h>

#include <memory>

#include "encoder/clip_config.h"

namespace clipdex::encoder {

struct VisionTower : torch::nn::Module {
  // pixels: [n, 3, image_size, image_size] -> [n, embedding dimension], not normalised.
  virtual at::Tensor forward(const at::Tensor& pixels) const = 0;
};

std::shared_ptr<VisionTower> make_vision_tower(const VisionConfig& config, int embedding_dimension);

}  // namespace clipdex::encoder
