// The ResNet image tower (openai/CLIP, ModifiedResNet): a stem of three convolutions and an average pool, average pools instead of strided
// convolutions, and attention pooling at the end.
#pragma once

#include <vector>

#include "encoder/layers.h"
#include "encoder/vision_tower.h"

namespace clipdex::encoder {

struct Bottleneck : torch::nn::Module {
  static constexpr std::int64_t kExpansion = 4;
  Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Convolution> conv1, conv2, conv3;
  std::shared_ptr<BatchNorm> bn1, bn2, bn3;
  // Where the shape changes: average pool, 1 x 1 convolution, batch norm. Both null elsewhere.
  std::shared_ptr<Convolution> downsample_convolution;
  std::shared_ptr<BatchNorm> downsample_norm;
  std::int64_t stride;
};

// One query, the mean of all positions, attends over the mean and the positions.
struct AttentionPool : torch::nn::Module {
  AttentionPool(std::int64_t grid, std::int64_t width, std::int64_t heads, std::int64_t embedding_dimension);
  at::Tensor forward(const at::Tensor& x) const;  // [n, width, grid, grid] -> [n, embedding dimension]
  at::Tensor positional_embedding;                // [1 + grid * grid, width]
  std::shared_ptr<Linear> q_proj, k_proj, v_proj, c_proj;
  std::int64_t heads;
};

struct ModifiedResNet : VisionTower {
  ModifiedResNet(const VisionConfig& config, int embedding_dimension);
  at::Tensor forward(const at::Tensor& pixels) const override;
  std::shared_ptr<Convolution> conv1, conv2, conv3;
  std::shared_ptr<BatchNorm> bn1, bn2, bn3;
  std::vector<std::shared_ptr<Bottleneck>> blocks;  // of layer1 to layer4, in order
  std::shared_ptr<AttentionPool> attnpool;
};

}  // namespace clipdex::encoder
