#include "encoder/tower_runner.h"

#include <stdexcept>

#include "encoder/torch_runner.h"
#ifdef CLIPDEX_CUDA
#include "encoder/cuda/cuda_runner.h"
#endif

namespace clipdex::encoder {

void TowerRunner::encode_pictures(std::span<const DeviceImage> /*pictures*/, bool /*normalize*/, float* /*features*/) {
  throw std::logic_error("this device takes pixels");
}

std::unique_ptr<TowerRunner> make_tower_runner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision) {
#ifdef CLIPDEX_CUDA
  if (device.kind == DeviceKind::kCuda) return make_cuda_runner(model, device, precision);
#endif
  return std::make_unique<TorchRunner>(model, device, precision);
}

}  // namespace clipdex::encoder
