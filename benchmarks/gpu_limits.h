// What a GPU can do at most, measured: what gpu_bench counts in shares of.
#pragma once

#include <string>

namespace clipdex::benchmarks {

struct GpuLimits {
  double copied_bytes = 0;  // a second, of a copy within its memory: those that are read and those that are written
  double bf16_flop = 0;     // a second, of a matrix product of bf16 that is summed in fp32
};

// Of the current device.
GpuLimits measure_gpu_limits();

// A line for people.
std::string describe(const GpuLimits& limits);

}  // namespace clipdex::benchmarks
