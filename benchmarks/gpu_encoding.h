// Pictures and texts a second on a GPU, and a single one's latency.
#pragma once

#include <filesystem>

#include "benchmarks/gpu_limits.h"
#include "benchmarks/random_checkpoint.h"

namespace clipdex::benchmarks {

// directory: the model as write_random_checkpoint() makes it. Prints a line a batch size, in fp16 and in bf16, each with PyTorch's time.
void measure_encoding(const RandomCheckpoint& model, const std::filesystem::path& directory, int device, const GpuLimits& limits);

}  // namespace clipdex::benchmarks
