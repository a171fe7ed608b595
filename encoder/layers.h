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

// A layer that has a faster form for inference.
struct Prepared {
  virtual ~Prepared() = default;
  // Once, after the weights are loaded. The parameters that the kernels took over are empty afterwards.
  virtual void prepare() = 0;
};

// y = x W^T + b. weight: [out, in], bias: [out].
struct Linear : torch::nn::Module, Prepared {
  Linear(std::int64_t in, std::int64_t out);
  at::Tensor forward(const at::Tensor& x, std::optional<Activation> activation = {}) const;
  // y += forward(x), in y's own memory.
  void add_to(at::Tensor& y, const at::Tensor& x) const;
  void prepare() override;
  at::Tensor weight, bias;
  std::unique_ptr<LinearKernel> kernel;
};

// Over the last dimension, in fp32 whatever the storage type of the other weights.
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

// Convolution without bias. weight: [out, in, kernel, kernel].
struct Convolution : torch::nn::Module {
  struct Options {
    std::int64_t in, out, kernel;
    std::int64_t stride = 1;
    std::int64_t padding = 0;
  };
  explicit Convolution(const Options& options);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight;
  Options options;
};

// Overwrites x: QuickGELU x * sigmoid(1.702 x), or GELU with the error function.
at::Tensor activate_(at::Tensor x, Activation activation);

}  // namespace clipdex::encoder
