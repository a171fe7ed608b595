#include "encoder/transformer.h"

namespace clipdex::encoder {
namespace {

// [n, tokens, width] -> [n, width], the row at pooled_at.
at::Tensor rows_at(const at::Tensor& x, const at::Tensor& pooled_at) {
  return x.index({at::arange(x.size(0), pooled_at.options()), pooled_at});
}

}  // namespace

Attention::Attention(const TransformerOptions& options)
    : in_proj_weight(register_parameter("in_proj_weight", at::empty({3 * options.width, options.width}), /*requires_grad=*/false)),
      in_proj_bias(register_parameter("in_proj_bias", at::empty({3 * options.width}), /*requires_grad=*/false)),
      out_proj(register_module("out_proj", std::make_shared<Linear>(options.width, options.width))),
      heads(options.heads),
      causal(options.causal) {}

void Attention::prepare() {
  const auto width = in_proj_weight.size(1);
  const std::int64_t first = is_last ? width : 0;
  projection = std::make_unique<LinearKernel>(in_proj_weight.slice(0, first), in_proj_bias.slice(0, first));
  if (is_last) query_projection = std::make_unique<LinearKernel>(in_proj_weight.slice(0, 0, width), in_proj_bias.slice(0, 0, width));
  in_proj_weight.set_data(at::empty({0}));
}

void Attention::reduce(at::Device device, at::ScalarType type) {
  in_proj_weight.set_data(in_proj_weight.to(device, type));
  in_proj_bias.set_data(in_proj_bias.to(device, type));
}

// x: [..., width] -> [..., count * width]: the products with `count` of q, k and v from the `first` on.
at::Tensor Attention::project(const at::Tensor& x, const LinearKernel* kernel, std::int64_t first, std::int64_t count) const {
  if (kernel != nullptr) return kernel->forward(x);
  const auto width = x.size(-1);
  return at::linear(x.to(in_proj_weight.scalar_type()), in_proj_weight.narrow(0, first * width, count * width),
                    in_proj_bias.narrow(0, first * width, count * width));
}

void Attention::add_to(at::Tensor& y, const at::Tensor& x) const {
  const auto n = x.size(0);
  const auto tokens = x.size(1);
  const auto width = x.size(2);
  // [n, tokens, 3 width] -> [3, n, heads, tokens, head width]
  const auto qkv =
      project(x, projection.get(), /*first=*/0, /*count=*/3).view({n, tokens, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
  const auto attended = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], /*attn_mask=*/{}, /*dropout_p=*/0.0, causal);
  // [n, heads, tokens, head width] -> [n, tokens, width]
  out_proj->add_to(y, attended.transpose(1, 2).reshape({n, tokens, width}));
}

void Attention::add_pooled_to(at::Tensor& y, const at::Tensor& x, const at::Tensor& pooled_at) const {
  const auto n = x.size(0);
  const auto tokens = x.size(1);
  const auto width = x.size(2);
  // [n, width] -> [n, heads, 1, head width]
  const auto query =
      project(rows_at(x, pooled_at), query_projection.get(), /*first=*/0, /*count=*/1).view({n, 1, heads, width / heads}).transpose(1, 2);
  // [n, tokens, 2 width] -> [2, n, heads, tokens, head width]
  const auto kv =
      project(x, projection.get(), /*first=*/1, /*count=*/2).view({n, tokens, 2, heads, width / heads}).permute({2, 0, 3, 1, 4});
  // A causal position sees itself and what stands before it: [n, 1, 1, tokens].
  std::optional<at::Tensor> seen;
  if (causal) seen = at::arange(tokens, pooled_at.options()).le(pooled_at.unsqueeze(1)).view({n, 1, 1, tokens});
  const auto attended = at::scaled_dot_product_attention(query, kv[0], kv[1], seen);
  out_proj->add_to(y, attended.transpose(1, 2).reshape({n, width}));
}

Mlp::Mlp(const TransformerOptions& options)
    : c_fc(register_module("c_fc", std::make_shared<Linear>(options.width, options.mlp_width))),
      c_proj(register_module("c_proj", std::make_shared<Linear>(options.mlp_width, options.width))),
      activation(options.activation) {}

void Mlp::add_to(at::Tensor& y, const at::Tensor& x) const { c_proj->add_to(y, c_fc->forward(x, activation)); }

ResidualAttentionBlock::ResidualAttentionBlock(const TransformerOptions& options)
    : ln_1(register_module("ln_1", std::make_shared<LayerNorm>(options.width, options.layer_norm_epsilon))),
      attn(register_module("attn", std::make_shared<Attention>(options))),
      ln_2(register_module("ln_2", std::make_shared<LayerNorm>(options.width, options.layer_norm_epsilon))),
      mlp(register_module("mlp", std::make_shared<Mlp>(options))) {}

at::Tensor ResidualAttentionBlock::forward(at::Tensor x) const {
  attn->add_to(x, ln_1->forward(x));
  mlp->add_to(x, ln_2->forward(x));
  return x;
}

at::Tensor ResidualAttentionBlock::forward_pooled(const at::Tensor& x, const at::Tensor& pooled_at) const {
  auto pooled = rows_at(x, pooled_at);
  attn->add_pooled_to(pooled, ln_1->forward(x), pooled_at);
  mlp->add_to(pooled, ln_2->forward(pooled));
  return pooled;
}

Transformer::Transformer(const TransformerOptions& options) {
  auto list = register_module("resblocks", std::make_shared<torch::nn::ModuleListImpl>());
  for (std::int64_t i = 0; i < options.layers; ++i) {
    blocks.push_back(std::make_shared<ResidualAttentionBlock>(options));
    list->push_back(blocks.back());
  }
  blocks.back()->attn->is_last = true;
}

at::Tensor Transformer::forward(at::Tensor x, const at::Tensor& pooled_at) const {
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) x = blocks[i]->forward(std::move(x));
  return blocks.back()->forward_pooled(x, pooled_at);
}

}  // namespace clipdex::encoder
