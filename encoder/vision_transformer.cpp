#include "encoder/vision_transformer.h"

namespace clipdex::encoder {

VisionTransformer::VisionTransformer(const VisionConfig& config, int embedding_dimension) {
  const std::int64_t width = config.width;
  const std::int64_t grid = config.image_size / config.patch_size;
  conv1 = register_module("conv1", std::make_shared<Convolution>(Convolution::Options{
                                       .in = 3, .out = width, .kernel = config.patch_size, .stride = config.patch_size, .padding = 0}));
  class_embedding = register_parameter("class_embedding", at::empty({width}), /*requires_grad=*/false);
  positional_embedding = register_parameter("positional_embedding", at::empty({grid * grid + 1, width}), /*requires_grad=*/false);
  ln_pre = register_module("ln_pre", std::make_shared<LayerNorm>(width, config.layer_norm_epsilon));
  transformer = register_module("transformer", std::make_shared<Transformer>(TransformerOptions{
                                                   .width = width,
                                                   .heads = config.heads,
                                                   .layers = config.layers,
                                                   .mlp_width = config.mlp_width,
                                                   .activation = config.activation,
                                                   .layer_norm_epsilon = config.layer_norm_epsilon,
                                                   .causal = false,
                                               }));
  ln_post = register_module("ln_post", std::make_shared<LayerNorm>(width, config.layer_norm_epsilon));
  proj = register_parameter("proj", at::empty({width, embedding_dimension}), /*requires_grad=*/false);
}

at::Tensor VisionTransformer::forward(const at::Tensor& pixels) const {
  const auto n = pixels.size(0);
  // [n, width, grid, grid] -> [n, grid * grid, width]
  const auto patches = conv1->forward(pixels).flatten(2).transpose(1, 2);
  auto x = at::cat({class_embedding.expand({n, 1, -1}), patches}, /*dim=*/1).add_(positional_embedding);
  x = transformer->forward(ln_pre->forward(x));
  return at::matmul(ln_post->forward(x.select(/*dim=*/1, /*index=*/0)), proj);
}

}  // namespace clipdex::encoder
