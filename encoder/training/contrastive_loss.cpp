#include "encoder/training/contrastive_loss.h"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

namespace clipdex::training {
namespace {

at::Tensor normalized(const at::Tensor& features) {
  constexpr double kEpsilon = 1e-12;  // F.normalize's, as in open_clip
  return features / features.norm(2, /*dim=*/-1, /*keepdim=*/true).clamp_min(kEpsilon);
}

struct Backward {
  double loss;
  Features gradients;  // at the features
};

// The loss of features that are cut off from the towers, and its gradients there; the temperature's own is added.
Backward backward_at(const Features& features, const at::Tensor& logit_scale, double factor) {
  const auto image = features.image.detach().requires_grad_(true);
  const auto text = features.text.detach().requires_grad_(true);
  const auto loss = contrastive_loss(image, text, logit_scale);
  (loss * factor).backward();
  return {.loss = loss.item<double>(), .gradients = {image.grad(), text.grad()}};
}

// Tower by tower, where it is not frozen.
void backward_features(const Features& features, const Features& gradients) {
  std::vector<at::Tensor> outputs, at_outputs;
  const auto add = [&](const at::Tensor& output, const at::Tensor& gradient) {
    if (!output.defined() || !output.requires_grad()) return;
    outputs.push_back(output);
    at_outputs.push_back(gradient.to(output.scalar_type()));
  };
  add(features.image, gradients.image);
  add(features.text, gradients.text);
  if (!outputs.empty()) torch::autograd::backward(outputs, at_outputs);
}

}  // namespace

at::Tensor contrastive_loss(const at::Tensor& image, const at::Tensor& text, const at::Tensor& logit_scale) {
  // In fp32 whatever the towers computed in.
  const auto logits = logit_scale.exp() * at::matmul(normalized(image.to(at::kFloat)), normalized(text.to(at::kFloat)).t());
  const auto own = at::arange(logits.size(0), logits.options().dtype(at::kLong));
  return (at::cross_entropy_loss(logits, own) + at::cross_entropy_loss(logits.t(), own)) / 2;
}

double backward_contrastive(const EncodePairs& encode, std::int64_t pairs, std::int64_t micro_batch, const at::Tensor& logit_scale,
                            double factor) {
  if (micro_batch >= pairs) {
    const auto features = encode(0, pairs, Pass::kWhole);
    const auto loss = contrastive_loss(features.image, features.text, logit_scale);
    (loss * factor).backward();
    return loss.item<double>();
  }
  const auto each = [&](const auto& work) {
    for (std::int64_t first = 0; first < pairs; first += micro_batch) work(first, std::min(micro_batch, pairs - first));
  };
  std::vector<at::Tensor> images, texts;
  {
    const torch::NoGradGuard no_gradients;
    each([&](std::int64_t first, std::int64_t count) {
      const auto features = encode(first, count, Pass::kFeatures);
      images.push_back(features.image.to(at::kFloat));
      texts.push_back(features.text.to(at::kFloat));
    });
  }
  const auto whole = backward_at({at::cat(images), at::cat(texts)}, logit_scale, factor);
  each([&](std::int64_t first, std::int64_t count) {
    backward_features(encode(first, count, Pass::kGradients),
                      {whole.gradients.image.narrow(0, first, count), whole.gradients.text.narrow(0, first, count)});
  });
  return whole.loss;
}

}  // namespace clipdex::training
