// A convolution at inference, with batch normalisation folded in and what follows it fused (oneDNN). Private to encoder/: LibTorch shows
// here.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

namespace clipdex::encoder {

// y = conv(x), on square pictures in channels-last memory and on weights that are brought once into the order in which this machine's
// kernels read them. For one thread at a time: the encoder's.
class ConvolutionKernel {
 public:
  struct Options {
    std::int64_t stride = 1;
    std::int64_t padding = 0;
    std::int64_t side = 0;  // of the pictures that it will mostly see; others work too
  };

  // weight: fp32 [out, in, kernel, kernel]; bias: fp32 [out].
  ConvolutionKernel(const at::Tensor& weight, const at::Tensor& bias, const Options& options);
  ~ConvolutionKernel();
  ConvolutionKernel(const ConvolutionKernel&) = delete;
  ConvolutionKernel& operator=(const ConvolutionKernel&) = delete;

  // x: fp32 [n, in, height, width], channels last or brought to it -> [n, out, height', width'], channels last.
  at::Tensor forward(const at::Tensor& x) const;
  // relu(conv(x))
  at::Tensor forward_relu(const at::Tensor& x) const;
  // y = relu(y + conv(x)), in y's own memory; y: channels last, of the result's shape.
  void add_relu_to(at::Tensor& y, const at::Tensor& x) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::encoder
