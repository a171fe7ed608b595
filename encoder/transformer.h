// The pre-LayerNorm transformer that both towers share (openai/CLIP, ResidualAttentionBlock and Transformer).
#pragma once

#include <memory>
#include <vector>

#include "encoder/layers.h"

namespace clipdex::encoder {

struct TransformerOptions {
  std::int64_t width = 0;
  std::int64_t heads = 0;
  std::int64_t layers = 0;
  std::int64_t mlp_width = 0;
  Activation activation = Activation::kQuickGelu;
  double layer_norm_epsilon = 1e-5;
  bool causal = false;
};

// Parameters as torch.nn.MultiheadAttention: in_proj_weight [3 width, width] holds q, k, v.
struct Attention : torch::nn::Module {
  explicit Attention(const TransformerOptions& options);
  at::Tensor forward(const at::Tensor& x) const;  // [n, tokens, width] -> the same
  at::Tensor in_proj_weight, in_proj_bias;
  std::shared_ptr<Linear> out_proj;
  std::int64_t heads;
  bool causal;
};

struct Mlp : torch::nn::Module {
  explicit Mlp(const TransformerOptions& options);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Linear> c_fc, c_proj;
  Activation activation;
};

struct ResidualAttentionBlock : torch::nn::Module {
  explicit ResidualAttentionBlock(const TransformerOptions& options);
  at::Tensor forward(at::Tensor x) const;
  std::shared_ptr<LayerNorm> ln_1;
  std::shared_ptr<Attention> attn;
  std::shared_ptr<LayerNorm> ln_2;
  std::shared_ptr<Mlp> mlp;
};

struct Transformer : torch::nn::Module {
  explicit Transformer(const TransformerOptions& options);
  at::Tensor forward(at::Tensor x) const;  // [n, tokens, width] -> the same; x itself may be overwritten
  std::vector<std::shared_ptr<ResidualAttentionBlock>> blocks;
};

}  // namespace clipdex::encoder
