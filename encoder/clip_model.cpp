#include "encoder/clip_model.h"

#include "encoder/modified_resnet.h"
#include "encoder/vision_transformer.h"

namespace clipdex::encoder {

std::shared_ptr<VisionTower> make_vision_tower(const VisionConfig& config, int embedding_dimension) {
  if (config.kind == VisionKind::kResNet) return std::make_shared<ModifiedResNet>(config, embedding_dimension);
  return std::make_shared<VisionTransformer>(config, embedding_dimension);
}

ClipModel::ClipModel(const ClipConfig& config)
    : visual(register_module("visual", make_vision_tower(config.vision, config.embedding_dimension))),
      text(register_module("text", std::make_shared<TextTransformer>(config.text, config.embedding_dimension))),
      logit_scale(register_parameter("logit_scale", at::empty({}), /*requires_grad=*/false)) {}

void ClipModel::prepare(const std::function<void()>& after_each) {
  for (const auto& module : modules()) {
    auto* layer = dynamic_cast<Prepared*>(module.get());
    if (layer == nullptr) continue;
    layer->prepare();
    after_each();
  }
}

void ClipModel::reduce(at::Device device, at::ScalarType type) {
  for (const auto& module : modules()) {
    if (auto* layer = dynamic_cast<Prepared*>(module.get())) layer->reduce(device, type);
  }
  for (auto& parameter : parameters()) parameter.set_data(parameter.to(device));
  for (auto& buffer : buffers()) buffer.set_data(buffer.to(device));
}

}  // namespace clipdex::encoder
