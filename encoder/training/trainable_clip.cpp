#include "encoder/training/trainable_clip.h"

#include <torch/torch.h>

#include "encoder/modified_resnet.h"
#include "encoder/training/resnet_training.h"
#include "encoder/training/transformer_training.h"
#include "encoder/vision_transformer.h"
#include "encoder/weights.h"

namespace clipdex::training {
namespace {

// [n, 3, size, size] -> [n, grid * grid, 3 * patch * patch]; a rest at the right and at the bottom has no patch.
at::Tensor patches_of(const at::Tensor& pixels, std::int64_t patch) {
  const auto n = pixels.size(0), grid = pixels.size(2) / patch;
  return pixels.narrow(2, 0, grid * patch)
      .narrow(3, 0, grid * patch)
      .reshape({n, 3, grid, patch, grid, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({n, grid * grid, 3 * patch * patch});
}

at::Tensor run_vision_transformer(const encoder::VisionTransformer& tower, const at::Tensor& pixels) {
  const auto n = pixels.size(0);
  // The convolution's stride is its size, so it is a matrix product.
  const auto embedded = at::linear(patches_of(pixels, tower.conv1->options.kernel), tower.conv1->weight.flatten(1));
  const auto x = at::cat({tower.class_embedding.expand({n, 1, -1}), embedded}, /*dim=*/1).add(tower.positional_embedding);
  const auto class_token = at::zeros({n}, pixels.options().dtype(at::kLong));
  const auto pooled = run_transformer(*tower.transformer, layer_norm(*tower.ln_pre, x), class_token);
  return at::matmul(layer_norm(*tower.ln_post, pooled), tower.proj);
}

// A number that cannot be a parameter of either tower belongs to both, as the temperature does.
bool of_image(const std::string& name) { return name.starts_with("visual."); }
bool of_text(const std::string& name) { return name.starts_with("text."); }

}  // namespace

TrainableClip::TrainableClip(const encoder::ClipConfig& config) : config_(config), model_(std::make_shared<encoder::ClipModel>(config)) {
  for (auto& parameter : model_->parameters()) parameter.requires_grad_(true);
}

void TrainableClip::load(const encoder::Checkpoint& checkpoint) {
  const torch::NoGradGuard no_gradients;
  // The tensors may lie in the mapped file, which nobody may write to.
  for (const auto& [name, tensor] : parameters()) at::Tensor(tensor).copy_(encoder::read_weight(checkpoint, name).reshape(tensor.sizes()));
  for (const auto& [name, tensor] : buffers()) at::Tensor(tensor).copy_(encoder::read_weight(checkpoint, name));
}

void TrainableClip::freeze(bool image, bool text) {
  image_frozen_ = image;
  text_frozen_ = text;
  for (const auto& [name, tensor] : parameters()) {
    if ((of_image(name) && image) || (of_text(name) && text)) tensor.requires_grad_(false);
  }
}

void TrainableClip::to(at::Device device) { model_->to(device); }

at::Tensor TrainableClip::encode_image(const at::Tensor& pixels, bool training, bool update_statistics) const {
  const bool with_gradients = at::GradMode::is_enabled() && !image_frozen_;
  const at::AutoGradMode mode(with_gradients);
  if (const auto* resnet = dynamic_cast<const encoder::ModifiedResNet*>(model_->visual.get())) {
    const bool of_batch = training && !image_frozen_;
    return run_resnet(*resnet, pixels, {.of_batch = of_batch, .update = of_batch && update_statistics});
  }
  return run_vision_transformer(dynamic_cast<const encoder::VisionTransformer&>(*model_->visual), pixels);
}

at::Tensor TrainableClip::encode_text(const at::Tensor& tokens, const at::Tensor& pooled_at) const {
  const bool with_gradients = at::GradMode::is_enabled() && !text_frozen_;
  const at::AutoGradMode mode(with_gradients);
  const auto& tower = *model_->text;
  const auto x =
      at::embedding(tower.token_embedding, tokens).add(tower.positional_embedding.narrow(/*dim=*/0, /*start=*/0, tokens.size(1)));
  return at::matmul(layer_norm(*tower.ln_final, run_transformer(*tower.transformer, x, pooled_at)), tower.text_projection);
}

std::vector<TrainableClip::Named> TrainableClip::parameters() const {
  std::vector<Named> all;
  for (const auto& entry : model_->named_parameters()) all.push_back({entry.key(), entry.value()});
  return all;
}

std::vector<TrainableClip::Named> TrainableClip::buffers() const {
  std::vector<Named> all;
  for (const auto& entry : model_->named_buffers()) all.push_back({entry.key(), entry.value()});
  return all;
}

}  // namespace clipdex::training
