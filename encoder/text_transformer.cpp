#include "encoder/text_transformer.h"

namespace clipdex::encoder {
namespace {

// Exists so that the table's name is "token_embedding.weight".
struct TokenEmbedding : torch::nn::Module {
  TokenEmbedding(std::int64_t vocabulary, std::int64_t width)
      : weight(register_parameter("weight", at::empty({vocabulary, width}), /*requires_grad=*/false)) {}
  at::Tensor weight;
};

}  // namespace

TextTransformer::TextTransformer(const TextConfig& config, int embedding_dimension) {
  const std::int64_t width = config.width;
  token_embedding = register_module("token_embedding", std::make_shared<TokenEmbedding>(config.vocabulary_size, width))->weight;
  positional_embedding = register_parameter("positional_embedding", at::empty({config.context_length, width}), /*requires_grad=*/false);
  transformer = register_module("transformer", std::make_shared<Transformer>(TransformerOptions{
                                                   .width = width,
                                                   .heads = config.heads,
                                                   .layers = config.layers,
                                                   .mlp_width = config.mlp_width,
                                                   .activation = config.activation,
                                                   .layer_norm_epsilon = config.layer_norm_epsilon,
                                                   .causal = true,
                                               }));
  ln_final = register_module("ln_final", std::make_shared<LayerNorm>(width, config.layer_norm_epsilon));
  text_projection = register_parameter("text_projection", at::empty({width, embedding_dimension}), /*requires_grad=*/false);
}

at::Tensor TextTransformer::forward(const at::Tensor& tokens, const at::Tensor& pooled_at) const {
  auto x = at::embedding(token_embedding, tokens).add_(positional_embedding.narrow(/*dim=*/0, /*start=*/0, tokens.size(1)));
  return at::matmul(ln_final->forward(transformer->forward(std::move(x), pooled_at)), text_projection);
}

}  // namespace clipdex::encoder
