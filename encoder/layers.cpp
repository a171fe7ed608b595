#include "encoder/layers.h"

namespace clipdex::encoder {

Linear::Linear(std::int64_t in, std::int64_t out)
    : weight(register_parameter("weight", at::empty({out, in}), /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({out}), /*requires_grad=*/false)) {}

at::Tensor Linear::forward(const at::Tensor& x, std::optional<Activation> activation) const {
  if (kernel) return kernel->forward(x, activation);
  auto y = at::linear(x.to(weight.scalar_type()), weight, bias);
  return activation ? activate_(std::move(y), *activation) : y;
}

void Linear::add_to(at::Tensor& y, const at::Tensor& x) const {
  if (kernel) return kernel->add_to(y, x);
  y.add_(at::linear(x.to(weight.scalar_type()), weight, bias));
}

void Linear::prepare() {
  kernel = std::make_unique<LinearKernel>(weight, bias);
  weight.set_data(at::empty({0}));
}

void Linear::reduce(at::Device device, at::ScalarType type) {
  weight.set_data(weight.to(device, type));
  bias.set_data(bias.to(device, type));
}

LayerNorm::LayerNorm(std::int64_t width, double epsilon_)
    : weight(register_parameter("weight", at::empty({width}), /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({width}), /*requires_grad=*/false)),
      epsilon(epsilon_) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return at::layer_norm(x.to(at::kFloat), weight.sizes(), weight, bias, epsilon).to(x.scalar_type());
}

Convolution::Convolution(const Options& options_)
    : weight(register_parameter("weight", at::empty({options_.out, options_.in, options_.kernel, options_.kernel}),
                                /*requires_grad=*/false)),
      options(options_) {}

at::Tensor Convolution::forward(const at::Tensor& x) const {
  // (Under autocast the operator itself converts.)
  const auto input = weight.scalar_type() == at::kFloat ? x : x.to(weight.scalar_type());
  return at::conv2d(input, weight, folded_bias, /*stride=*/options.stride, /*padding=*/options.padding);
}

BatchNorm::BatchNorm(std::int64_t channels)
    : weight(register_parameter("weight", at::empty({channels}), /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({channels}), /*requires_grad=*/false)),
      running_mean(register_buffer("running_mean", at::empty({channels}))),
      running_var(register_buffer("running_var", at::empty({channels}))) {}

at::Tensor BatchNorm::forward(const at::Tensor& x) const {
  return at::batch_norm(x, weight, bias, running_mean, running_var, /*training=*/false, /*momentum=*/0.1, /*eps=*/kEpsilon,
                        /*cudnn_enabled=*/false);
}

at::Tensor activate_(at::Tensor x, Activation activation) {
  if (activation == Activation::kGelu) return at::gelu_(x);
  // x * sigmoid(a x) = silu(a x) / a: three passes over x and no second tensor.
  constexpr double kQuickGeluSlope = 1.702;
  return at::silu_(x.mul_(kQuickGeluSlope)).mul_(1 / kQuickGeluSlope);
}

}  // namespace clipdex::encoder
