// The Vision Transformer image tower (openai/CLIP, VisionTransformer).
#pragma once

#include "encoder/transformer.h"
#include "encoder/vision_tower.h"

namespace clipdex::encoder {

struct VisionTransformer : VisionTower {
  VisionTransformer(const VisionConfig& config, int embedding_dimension);
  at::Tensor forward(const at::Tensor& pixels) const override;

  std::shared_ptr<Convolution> conv1;
  at::Tensor class_embedding;       // [width]
  at::Tensor positional_embedding;  // [1 + patches, width], the class token's first
  std::shared_ptr<LayerNorm> ln_pre;
  std::shared_ptr<Transformer> transformer;
  std::shared_ptr<LayerNorm> ln_post;
  at::Tensor proj;  // [width, embedding dimension]
};

}  // namespace clipdex::encoder
