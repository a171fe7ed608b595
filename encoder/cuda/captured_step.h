// A step of one fixed shape as a CUDA graph: one launch instead of hundreds, which is what a single query's time consists of otherwise.
// Private to encoder/: LibTorch shows here.
#pragma once

#include <ATen/cuda/CUDAGraph.h>

#include <functional>
#include <vector>

namespace clipdex::encoder {

// One thread at a time, and one stream: run() is asynchronous on the current one.
class CapturedStep {
 public:
  using Step = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

  // inputs: on the device, of the shapes that every run has; kept. `step` must do nothing but launch work on the current stream.
  CapturedStep(std::vector<at::Tensor> inputs, const Step& step);

  // Copies `values`, of the inputs' shapes and in page-locked memory or on the device, to the inputs. The result is overwritten by the next
  // run.
  const at::Tensor& run(const std::vector<at::Tensor>& values);

 private:
  std::vector<at::Tensor> inputs_;
  at::Tensor output_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace clipdex::encoder
