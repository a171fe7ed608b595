// The causal text tower (openai/CLIP, CLIP.encode_text).
#pragma once

#include "encoder/transformer.h"

namespace clipdex::encoder {

struct TextTransformer : torch::nn::Module {
  TextTransformer(const TextConfig& config, int embedding_dimension);
  // tokens: int64 [n, length], length at most the context; pooled_at: int64 [n], the position of each row's end token.
  // Positions after it never matter, because attention is causal. -> [n, embedding dimension], not normalised.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& pooled_at) const;

  at::Tensor token_embedding;       // [vocabulary, width], as "token_embedding.weight"
  at::Tensor positional_embedding;  // [context, width]
  std::shared_ptr<Transformer> transformer;
  std::shared_ptr<LayerNorm> ln_final;
  at::Tensor text_projection;  // [width, embedding dimension]
};

}  // namespace clipdex::encoder
