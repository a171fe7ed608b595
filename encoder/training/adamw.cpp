#include "encoder/training/adamw.h"

#include <torch/torch.h>

#include <cmath>

namespace clipdex::training {

bool AdamW::decays(const TrainableClip::Named& parameter) {
  const auto has = [&](const char* part) { return parameter.name.find(part) != std::string::npos; };
  return parameter.tensor.dim() >= 2 && !has("bn") && !has("ln_") && !has("bias") && !has("logit_scale");
}

AdamW::AdamW(const TrainableClip& model, const AdamWOptions& options)
    : options_(options), groups_{{.weight_decay = options.weight_decay}, {.weight_decay = 0}} {
  for (const auto& parameter : model.parameters()) {
    if (!parameter.tensor.requires_grad()) continue;
    auto& group = groups_[decays(parameter) ? 0 : 1];
    group.names.push_back(parameter.name);
    group.parameters.push_back(parameter.tensor);
    group.first_moments.push_back(at::zeros_like(parameter.tensor));
    group.second_moments.push_back(at::zeros_like(parameter.tensor));
    group.steps.push_back(at::zeros({}, parameter.tensor.options().requires_grad(false)));
  }
}

std::vector<at::Tensor> AdamW::gradients() const {
  std::vector<at::Tensor> all;
  for (const auto& group : groups_) {
    for (const auto& parameter : group.parameters) {
      if (!parameter.grad().defined()) parameter.mutable_grad() = at::zeros_like(parameter);
      all.push_back(parameter.grad());
    }
  }
  return all;
}

void AdamW::zero_gradients() {
  for (auto& group : groups_) {
    for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

double AdamW::clip_gradients(double norm_max, double scale) {
  const torch::NoGradGuard no_gradients;
  auto all = gradients();
  const auto norms = at::_foreach_norm(all);
  const double norm = at::stack(norms).norm().item<double>() / scale;
  constexpr double kEpsilon = 1e-6;  // torch.nn.utils.clip_grad_norm_'s
  const double factor = (norm_max > 0 ? std::min(1.0, norm_max / (norm + kEpsilon)) : 1.0) / scale;
  if (std::isfinite(norm) && factor != 1) at::_foreach_mul_(all, factor);
  return norm;
}

void AdamW::step(double learning_rate) {
  const torch::NoGradGuard no_gradients;
  ++steps_;
  for (auto& group : groups_) {
    if (group.parameters.empty()) continue;
    std::vector<at::Tensor> grads;
    grads.reserve(group.parameters.size());
    for (const auto& parameter : group.parameters) grads.push_back(parameter.grad());
    at::_foreach_add_(group.steps, 1);
    at::_fused_adamw_(group.parameters, grads, group.first_moments, group.second_moments, /*max_exp_avg_sqs=*/{}, group.steps,
                      learning_rate, options_.beta1, options_.beta2, group.weight_decay, options_.epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
  }
}

std::vector<TrainableClip::Named> AdamW::state() const {
  std::vector<TrainableClip::Named> all;
  for (const auto& group : groups_) {
    for (std::size_t i = 0; i < group.names.size(); ++i) {
      all.push_back({"exp_avg." + group.names[i], group.first_moments[i]});
      all.push_back({"exp_avg_sq." + group.names[i], group.second_moments[i]});
    }
  }
  return all;
}

void AdamW::set_steps(std::uint64_t steps) {
  steps_ = steps;
  for (auto& group : groups_) {
    for (auto& made : group.steps) made.fill_(static_cast<double>(steps));
  }
}

}  // namespace clipdex::training
