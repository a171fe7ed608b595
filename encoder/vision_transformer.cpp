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

void VisionTransformer::prepare() {
  patch_kernel = std::make_unique<LinearKernel>(conv1->weight.flatten(1), /*bias=*/at::Tensor());
  conv1->weight.set_data(at::empty({0}));
}

void VisionTransformer::reduce(at::Device device, at::ScalarType type) { conv1->weight.set_data(conv1->weight.to(device, type)); }

// [n, 3, size, size] -> [n, grid * grid, width]
at::Tensor VisionTransformer::embed_patches(const at::Tensor& pixels) const {
  if (!patch_kernel) return conv1->forward(pixels).flatten(2).transpose(1, 2);
  const auto patch = conv1->options.kernel;
  const auto grid = pixels.size(2) / patch;
  // [n, 3, grid, patch, grid, patch] -> [n, grid * grid, 3 * patch * patch]; a rest at the right and at the bottom has no patch.
  const auto patches = pixels.narrow(2, 0, grid * patch)
                           .narrow(3, 0, grid * patch)
                           .reshape({pixels.size(0), 3, grid, patch, grid, patch})
                           .permute({0, 2, 4, 1, 3, 5})
                           .reshape({pixels.size(0), grid * grid, 3 * patch * patch});
  return patch_kernel->forward(patches);
}

at::Tensor VisionTransformer::forward(const at::Tensor& pixels) const {
  const auto n = pixels.size(0);
  // The residual stream is of the embeddings' type, fp32, whatever the products' is.
  auto x = at::cat({class_embedding.expand({n, 1, -1}), embed_patches(pixels).to(class_embedding.scalar_type())}, /*dim=*/1)
               .add_(positional_embedding);
  constexpr std::int64_t kClassToken = 0;
  const auto pooled = transformer->forward(ln_pre->forward(x), at::full({n}, kClassToken, pixels.options().dtype(at::kLong)));
  return at::matmul(ln_post->forward(pooled), proj);
}

}  // namespace clipdex::encoder
