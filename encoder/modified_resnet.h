// The ResNet image tower (openai/CLIP, ModifiedResNet): a stem of three convolutions and an average pool, average pools instead of strided
// convolutions, and attention pooling at the end.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "encoder/layers.h"
#include "encoder/vision_tower.h"

namespace clipdex::encoder {

// A convolution, the batch normalisation after it and, at inference, the one kernel that both become. The two are registered as modules by
// whoever has it, under the names of the checkpoint.
struct NormalizedConvolution {
  std::shared_ptr<Convolution> convolution;
  std::shared_ptr<BatchNorm> norm;
  std::unique_ptr<ConvolutionKernel> kernel;

  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor forward_relu(const at::Tensor& x) const;
  // relu(y + forward(x)); y may be overwritten.
  at::Tensor forward_add_relu(const at::Tensor& x, at::Tensor y) const;
  // side: of the pictures it sees.
  void prepare(std::int64_t side);
  // As Prepared::reduce(): the normalisation becomes part of the convolution.
  void reduce(at::Device device, at::ScalarType type);

 private:
  at::Tensor normalized(const at::Tensor& x) const;
  std::pair<at::Tensor, at::Tensor> folded() const;
};

struct Bottleneck : torch::nn::Module {
  static constexpr std::int64_t kExpansion = 4;
  Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride);
  at::Tensor forward(const at::Tensor& x) const;  // x may be overwritten
  void prepare(std::int64_t side);
  void reduce(at::Device device, at::ScalarType type);
  NormalizedConvolution first, second, third;
  // Where the shape changes: average pool, 1 x 1 convolution, batch norm. Null elsewhere.
  std::optional<NormalizedConvolution> downsample;
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

struct ModifiedResNet : VisionTower, Prepared {
  ModifiedResNet(const VisionConfig& config, int embedding_dimension);
  at::Tensor forward(const at::Tensor& pixels) const override;
  void prepare() override;
  void reduce(at::Device device, at::ScalarType type) override;
  NormalizedConvolution first, second, third;       // the stem
  std::vector<std::shared_ptr<Bottleneck>> blocks;  // of layer1 to layer4, in order
  std::shared_ptr<AttentionPool> attnpool;
  std::int64_t image_size;
};

}  // namespace clipdex::encoder
