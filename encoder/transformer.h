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
struct Attention : torch::nn::Module, Prepared {
  explicit Attention(const TransformerOptions& options);
  // y += attention over x. x, y: [n, tokens, width].
  void add_to(at::Tensor& y, const at::Tensor& x) const;
  // The same for one position a row only. y: [n, width], x: [n, tokens, width], pooled_at: int64 [n].
  void add_pooled_to(at::Tensor& y, const at::Tensor& x, const at::Tensor& pooled_at) const;
  void prepare() override;
  void reduce(at::Device device, at::ScalarType type) override;
  at::Tensor in_proj_weight, in_proj_bias;
  std::shared_ptr<Linear> out_proj;
  std::int64_t heads;
  bool causal;
  // Of the last block, of which one position a row is used, the query has a product of its own; elsewhere there is one for all three.
  bool is_last = false;
  std::unique_ptr<LinearKernel> projection, query_projection;

 private:
  at::Tensor project(const at::Tensor& x, const LinearKernel* kernel, std::int64_t first, std::int64_t count) const;
};

struct Mlp : torch::nn::Module {
  explicit Mlp(const TransformerOptions& options);
  void add_to(at::Tensor& y, const at::Tensor& x) const;
  std::shared_ptr<Linear> c_fc, c_proj;
  Activation activation;
};

struct ResidualAttentionBlock : torch::nn::Module {
  explicit ResidualAttentionBlock(const TransformerOptions& options);
  at::Tensor forward(at::Tensor x) const;
  // [n, tokens, width] -> [n, width]: what forward() has at pooled_at (int64 [n]), without computing the rest.
  at::Tensor forward_pooled(const at::Tensor& x, const at::Tensor& pooled_at) const;
  std::shared_ptr<LayerNorm> ln_1;
  std::shared_ptr<Attention> attn;
  std::shared_ptr<LayerNorm> ln_2;
  std::shared_ptr<Mlp> mlp;
};

struct Transformer : torch::nn::Module {
  explicit Transformer(const TransformerOptions& options);
  // x: [n, tokens, width], may be overwritten; pooled_at: int64 [n] -> [n, width], the output at those positions. Of the last block nothing
  // else is computed: both towers look at one position a row, and that block is the only one whose other outputs nobody reads.
  at::Tensor forward(at::Tensor x, const at::Tensor& pooled_at) const;
  std::vector<std::shared_ptr<ResidualAttentionBlock>> blocks;
};

}  // namespace clipdex::encoder
