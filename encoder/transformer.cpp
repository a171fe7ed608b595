#include "encoder/transformer.h"

namespace clipdex::encoder {

Attention::Attention(const TransformerOptions& options)
    : in_proj_weight(register_parameter("in_proj_weight", at::empty({3 * options.width, options.width}), /*requires_grad=*/false)),
      in_proj_bias(register_parameter("in_proj_bias", at::empty({3 * options.width}), /*requires_grad=*/false)),
      out_proj(register_module("out_proj", std::make_shared<Linear>(options.width, options.width))),
      heads(options.heads),
      causal(options.causal) {}

at::Tensor Attention::forward(const at::Tensor& x) const {
  const auto n = x.size(0);
  const auto tokens = x.size(1);
  const auto width = x.size(2);
  // [n, tokens, 3 width] -> [3, n, heads, tokens, head width]
  const auto qkv = at::linear(x, in_proj_weight, in_proj_bias).view({n, tokens, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
  auto attended = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], /*attn_mask=*/{}, /*dropout_p=*/0.0, causal);
  // [n, heads, tokens, head width] -> [n, tokens, width]
  return out_proj->forward(attended.transpose(1, 2).reshape({n, tokens, width}));
}

Mlp::Mlp(const TransformerOptions& options)
    : c_fc(register_module("c_fc", std::make_shared<Linear>(options.width, options.mlp_width))),
      c_proj(register_module("c_proj", std::make_shared<Linear>(options.mlp_width, options.width))),
      activation(options.activation) {}

at::Tensor Mlp::forward(const at::Tensor& x) const { return c_proj->forward(activate_(c_fc->forward(x), activation)); }

ResidualAttentionBlock::ResidualAttentionBlock(const TransformerOptions& options)
    : ln_1(register_module("ln_1", std::make_shared<LayerNorm>(options.width, options.layer_norm_epsilon))),
      attn(register_module("attn", std::make_shared<Attention>(options))),
      ln_2(register_module("ln_2", std::make_shared<LayerNorm>(options.width, options.layer_norm_epsilon))),
      mlp(register_module("mlp", std::make_shared<Mlp>(options))) {}

at::Tensor ResidualAttentionBlock::forward(at::Tensor x) const {
  x.add_(attn->forward(ln_1->forward(x)));
  x.add_(mlp->forward(ln_2->forward(x)));
  return x;
}

Transformer::Transformer(const TransformerOptions& options) {
  auto list = register_module("resblocks", std::make_shared<torch::nn::ModuleListImpl>());
  for (std::int64_t i = 0; i < options.layers; ++i) {
    blocks.push_back(std::make_shared<ResidualAttentionBlock>(options));
    list->push_back(blocks.back());
  }
}

at::Tensor Transformer::forward(at::Tensor x) const {
  for (const auto& block : blocks) x = block->forward(std::move(x));
  return x;
}

}  // namespace clipdex::encoder
