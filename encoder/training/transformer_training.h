// The pre-LayerNorm transformer of both towers, for autograd (openai/CLIP, ResidualAttentionBlock). Private to encoder/.
#pragma once

#include <ATen/ATen.h>

#include "encoder/transformer.h"

namespace clipdex::training {

at::Tensor layer_norm(const encoder::LayerNorm& norm, const at::Tensor& x);

// x: [n, tokens, width], pooled_at: int64 [n] -> [n, width], the output at those positions. Of the last block nothing else is computed,
// forwards and backwards: no other output has a gradient.
at::Tensor run_transformer(const encoder::Transformer& transformer, at::Tensor x, const at::Tensor& pooled_at);

}  // namespace clipdex::training
