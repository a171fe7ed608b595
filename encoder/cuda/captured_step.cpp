#include "encoder/cuda/captured_step.h"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <exception>
#include <utility>

namespace clipdex::encoder {

CapturedStep::CapturedStep(std::vector<at::Tensor> inputs, const Step& step) : inputs_(std::move(inputs)) {
  const auto device = inputs_.front().device().index();
  // Capturing needs a stream of its own; libraries set themselves up in the runs before it.
  const auto stream = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device);
  c10::cuda::getCurrentCUDAStream(device).synchronize();
  const c10::cuda::CUDAStreamGuard guard(stream);
  constexpr int kWarmUps = 3;
  for (int i = 0; i < kWarmUps; ++i) step(inputs_);
  stream.synchronize();
  // What other threads do with the GPU meanwhile is none of this capture's business.
  graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  try {
    output_ = step(inputs_);
  } catch (...) {
    try {
      graph_.capture_end();
    } catch (const std::exception&) {  // of a capture that failed: the first reason counts
    }
    throw;
  }
  graph_.capture_end();
  stream.synchronize();
}

const at::Tensor& CapturedStep::run(const std::vector<at::Tensor>& values) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].copy_(values[i], /*non_blocking=*/true);
  graph_.replay();
  return output_;
}

}  // namespace clipdex::encoder
