// The matrix product of a linear layer at inference, with what follows it fused in. Private to encoder/: LibTorch shows here.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "encoder/clip_config.h"

namespace clipdex::encoder {

// y = x W^T + b on weights that are brought once into the order in which this machine's kernels read them (oneDNN's with AVX-512, our own
// with AVX2). The originals are not looked at again, so that the mapped checkpoint's pages can go; where the order is that of the
// checkpoint (a machine without either), the weights stay there without a second copy. For one thread at a time: the encoder's.
class LinearKernel {
 public:
  // weight: fp32 [out, in], bias: fp32 [out] or undefined. Both are kept alive as long as they are needed.
  LinearKernel(const at::Tensor& weight, const at::Tensor& bias);
  ~LinearKernel();
  LinearKernel(const LinearKernel&) = delete;
  LinearKernel& operator=(const LinearKernel&) = delete;

  // x: fp32 [..., in] -> [..., out], with the activation applied where one is given.
  at::Tensor forward(const at::Tensor& x, std::optional<Activation> activation = {}) const;

  // y += x W^T + b, in y's own memory. x: [..., in], y: [..., out], contiguous.
  void add_to(at::Tensor& y, const at::Tensor& x) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::encoder
