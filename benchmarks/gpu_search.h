// Searches over vectors, codes and graphs that lie on a GPU, beside FAISS without clipdex around it.
#pragma once

#include <cstddef>

#include "benchmarks/gpu_limits.h"

namespace clipdex::benchmarks {

// Over so many vectors of 512 numbers: prints a line for 1, 64 and 1,024 queries at once of each kind of index, with its recall@10.
void measure_searching(std::size_t rows, int device, const GpuLimits& limits);

}  // namespace clipdex::benchmarks
