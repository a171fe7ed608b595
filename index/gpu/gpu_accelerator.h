// Copies of segments on a CUDA device, scanned by FAISS. Private to index/.
#pragma once

#include <memory>

#include "index/accelerator.h"

namespace clipdex::index {

// Throws std::runtime_error if the device cannot be used.
std::shared_ptr<Accelerator> make_gpu_accelerator(const AcceleratorOptions& options);

}  // namespace clipdex::index
