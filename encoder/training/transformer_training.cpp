#include "encoder/training/transformer_training.h"

#include <optional>

namespace clipdex::training {
namespace {

using encoder::Activation;
using encoder::Attention;
using encoder::Linear;
using encoder::Mlp;

at::Tensor rows_at(const at::Tensor& x, const at::Tensor& pooled_at) {
  return x.index({at::arange(x.size(0), pooled_at.options()), pooled_at});
}

at::Tensor linear(const Linear& layer, const at::Tensor& x) { return at::linear(x, layer.weight, layer.bias); }

// x + y, in y's own memory, which no gradient needs; but the sum stays in fp32 where y was computed in half precision.
at::Tensor add_residual(const at::Tensor& x, const at::Tensor& y) { return y.scalar_type() == x.scalar_type() ? y.add_(x) : x + y; }

at::Tensor add_linear(const at::Tensor& x, const Linear& layer, const at::Tensor& h) { return add_residual(x, linear(layer, h)); }

at::Tensor attention(const Attention& layer, const at::Tensor& x, const at::Tensor& normalized) {
  const auto n = x.size(0), tokens = x.size(1), width = x.size(2);
  const auto qkv = at::linear(normalized, layer.in_proj_weight, layer.in_proj_bias)
                       .view({n, tokens, 3, layer.heads, width / layer.heads})
                       .permute({2, 0, 3, 1, 4})
                       .unbind(0);  // each [n, heads, tokens, head width]
  const auto attended = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], /*attn_mask=*/{}, /*dropout_p=*/0.0, layer.causal);
  return add_linear(x, *layer.out_proj, attended.transpose(1, 2).reshape({n, tokens, width}));
}

at::Tensor pooled_attention(const Attention& layer, const at::Tensor& pooled, const at::Tensor& normalized, const at::Tensor& pooled_at) {
  const auto n = normalized.size(0), tokens = normalized.size(1), width = normalized.size(2);
  const auto head_width = width / layer.heads;
  const auto part = [&](const at::Tensor& of, std::int64_t first, std::int64_t count) {
    return at::linear(of, layer.in_proj_weight.narrow(0, first * width, count * width),
                      layer.in_proj_bias.narrow(0, first * width, count * width));
  };
  const auto query = part(rows_at(normalized, pooled_at), /*first=*/0, /*count=*/1).view({n, 1, layer.heads, head_width}).transpose(1, 2);
  const auto kv =
      part(normalized, /*first=*/1, /*count=*/2).view({n, tokens, 2, layer.heads, head_width}).permute({2, 0, 3, 1, 4}).unbind(0);
  // A causal position sees itself and what stands before it: [n, 1, 1, tokens].
  std::optional<at::Tensor> seen;
  if (layer.causal) seen = at::arange(tokens, pooled_at.options()).le(pooled_at.unsqueeze(1)).view({n, 1, 1, tokens});
  const auto attended = at::scaled_dot_product_attention(query, kv[0], kv[1], seen);
  return add_linear(pooled, *layer.out_proj, attended.transpose(1, 2).reshape({n, width}));
}

at::Tensor mlp(const Mlp& layer, const at::Tensor& x, const at::Tensor& normalized) {
  if (layer.activation == Activation::kGelu) return add_linear(x, *layer.c_proj, at::gelu(linear(*layer.c_fc, normalized)));
  // x sigmoid(a x) = silu(a x) / a. The weights take the factors, which are fewer than the activations: so forwards and backwards are one
  // pass over those.
  constexpr double kQuickGeluSlope = 1.702;
  const auto activated = at::silu(at::linear(normalized, layer.c_fc->weight.mul(kQuickGeluSlope), layer.c_fc->bias.mul(kQuickGeluSlope)));
  return add_residual(x, at::linear(activated, layer.c_proj->weight.mul(1 / kQuickGeluSlope), layer.c_proj->bias));
}

}  // namespace

at::Tensor layer_norm(const encoder::LayerNorm& norm, const at::Tensor& x) {
  return at::layer_norm(x, norm.weight.sizes(), norm.weight, norm.bias, norm.epsilon);
}

at::Tensor run_transformer(const encoder::Transformer& transformer, at::Tensor x, const at::Tensor& pooled_at) {
  for (std::size_t i = 0; i + 1 < transformer.blocks.size(); ++i) {
    const auto& block = *transformer.blocks[i];
    x = attention(*block.attn, x, layer_norm(*block.ln_1, x));
    x = mlp(*block.mlp, x, layer_norm(*block.ln_2, x));
  }
  const auto& last = *transformer.blocks.back();
  const auto pooled = pooled_attention(*last.attn, rows_at(x, pooled_at), layer_norm(*last.ln_1, x), pooled_at);
  return mlp(*last.mlp, pooled, layer_norm(*last.ln_2, pooled));
}

}  // namespace clipdex::training
