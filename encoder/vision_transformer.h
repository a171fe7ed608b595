// The Vision Transformer image tower (openai/CLIP, VisionTransformer).
#pragma once

#include "encoder/transformer.h"
#include "encoder/vision_tower.h"

namespace clipdex::encoder {

struct VisionTransformer : VisionTower, Prepared {
  VisionTransformer(const VisionConfig& config, int embedding_dimension);
  at::Tensor forward(const at::Tensor& pixels) const override;
  void prepare() override;
  void reduce(at::Device device, at::ScalarType type) override;

  // Its stride is its size, so it is a matrix product over the patches, and computed as such at inference.
  std::shared_ptr<Convolution> conv1;
  std::unique_ptr<LinearKernel> patch_kernel;
  at::Tensor class_embedding;       // [width]
  at::Tensor positional_embedding;  // [1 + patches, width], the class token's first
  std::shared_ptr<LayerNorm> ln_pre;
  std::shared_ptr<Transformer> transformer;
  std::shared_ptr<LayerNorm> ln_post;
  at::Tensor proj;  // [width, embedding dimension]

 private:
  at::Tensor embed_patches(const at::Tensor& pixels) const;
};

}  // namespace clipdex::encoder
