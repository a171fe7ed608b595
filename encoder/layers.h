// The leaves of both towers, with parameters named as in OpenAI's checkpoints. Private to encoder/: LibTorch shows here.
// Parameters are made uninitialised; load_weights() fills every one of them or throws. prepare() then hands those that the fast kernels
// take over to them; until then, and for training, the layers compute with LibTorch's operators on the parameters themselves.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>

#include <cstdint>

#include "encoder/clip_config.h"
#include "encoder/convolution_kernel.h"
#include "encoder/linear_kernel.h"

namespace clipdex::encoder {

// A layer that has other forms for inference. One of them is taken, once, after the weights are loaded.
struct Prepared {
  virtual ~Prepared() = default;
  // For fp32 on the CPU: hands parameters to kernels of this machine. Those are empty afterwards.
  virtual void prepare() = 0;
  // For any device and type: the parameters of matrix products become this type there. All others stay what they are.
  virtual void reduce(at::Device device, at::ScalarType type) = 0;
};

// y = x W^T + b. weight: [out, in], bias: [out].
struct Linear : torch::nn::Module, Prepared {
  Linear(std::int64_t in, std::int64_t out);
  at::Tensor forward(const at::Tensor& x, std::optional<Activation> activation = {}) const;
  // y += forward(x), in y's own memory.
  void add_to(at::Tensor& y, const at::Tensor& x) const;
  void prepare() override;
  void reduce(at::Device device, at::ScalarType type) override;
  at::Tensor weight, bias;
  std::unique_ptr<LinearKernel> kernel;
};

// Over the last dimension, in fp32 whatever the type of the other weights.
struct LayerNorm : torch::nn::Module {
  LayerNorm(std::int64_t width, double epsilon);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;
  double epsilon;
};

// Batch normalisation with the running statistics.
struct BatchNorm : torch::nn::Module {
  explicit BatchNorm(std::int64_t channels);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias, running_mean, running_var;
  static constexpr double kEpsilon = 1e-5;
};

// weight: [out, in, kernel, kernel]. Without bias, unless a batch normalisation was folded into it.
struct Convolution : torch::nn::Module {
  struct Options {
    std::int64_t in, out, kernel;
    std::int64_t stride = 1;
    std::int64_t padding = 0;
  };
  explicit Convolution(const Options& options);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight;
  at::Tensor folded_bias;  // undefined: none; no parameter
  Options options;
};

// Overwrites x: QuickGELU x * sigmoid(1.702 x), or GELU with the error function.
at::Tensor activate_(at::Tensor x, Activation activation);

}  // namespace clipdex::encoder
