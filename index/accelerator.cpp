#include "index/accelerator.h"

#ifdef CLIPDEX_CUDA
#include "index/gpu/gpu_accelerator.h"
#endif

namespace clipdex::index {

std::shared_ptr<Accelerator> make_accelerator(const AcceleratorOptions& options) {
#ifdef CLIPDEX_CUDA
  return make_gpu_accelerator(options);
#else
  static_cast<void>(options);
  return nullptr;
#endif
}

}  // namespace clipdex::index
