// The towers on a GPU: pictures preprocessed there, copies beside arithmetic, and no launches one by one for a single query.
// Private to encoder/: LibTorch shows here.
#pragma once

#include <memory>

#include "encoder/tower_runner.h"

namespace clipdex::encoder {

// Throws as TorchRunner's constructor, and c10::Error where the GPU's memory does not suffice.
std::unique_ptr<TowerRunner> make_cuda_runner(const OpenedModel& model, const ComputeDevice& device, ComputePrecision precision);

}  // namespace clipdex::encoder
