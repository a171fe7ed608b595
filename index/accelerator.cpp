#include "index/accelerator.h"

#include <utility>

#ifdef CLIPDEX_CUDA
#include "index/gpu/gpu_accelerator.h"
#endif

namespace clipdex::index {

void LeavingCopies::add(std::weak_ptr<const void> copy) {
  const std::lock_guard lock(mutex_);
  copies_.push_back(std::move(copy));
}

bool LeavingCopies::any() {
  const std::lock_guard lock(mutex_);
  std::erase_if(copies_, [](const auto& copy) { return copy.expired(); });
  return !copies_.empty();
}

std::shared_ptr<Accelerator> make_accelerator(const AcceleratorOptions& options) {
#ifdef CLIPDEX_CUDA
  return make_gpu_accelerator(options);
#else
  static_cast<void>(options);
  return nullptr;
#endif
}

}  // namespace clipdex::index
