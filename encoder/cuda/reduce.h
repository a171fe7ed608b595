// A large picture made smaller on a GPU before it is fetched. Private to encoder/.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace clipdex::encoder {

// All memory is the device's.
struct BoxReduction {
  const std::uint8_t* from = nullptr;  // [height, width, channels]
  std::uint8_t* to = nullptr;          // [height / reduction, width / reduction, channels], both rounded up
  int width = 0, height = 0;
  int channels = 0;   // 1 or 3
  int reduction = 1;  // 2, 4 or 8
};

// Each sample is the mean, rounded to the nearest, of a square of reduction x reduction samples; of as many as there are at the right and
// at the bottom. Asynchronous, on the stream. Throws std::runtime_error if the launch fails.
void launch_reduction(const BoxReduction& reduction, cudaStream_t stream);

}  // namespace clipdex::encoder
