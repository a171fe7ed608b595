#include <stdexcept>
#include <string>

#include "encoder/cuda/reduce.h"

namespace clipdex::encoder {
namespace {

constexpr int kThreads = 128;

int divided(int side, int reduction) { return (side + reduction - 1) / reduction; }

// One pixel of the smaller picture each; x: column, y: row.
template <int kChannels>
__global__ void box_means(BoxReduction r) {
  const int width = (r.width + r.reduction - 1) / r.reduction;
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y);
  if (x >= width) return;
  const int columns = min(r.reduction, r.width - x * r.reduction), rows = min(r.reduction, r.height - y * r.reduction);
  const std::size_t stride = static_cast<std::size_t>(r.width) * kChannels;
  const std::uint8_t* from =
      r.from + static_cast<std::size_t>(y) * r.reduction * stride + static_cast<std::size_t>(x) * r.reduction * kChannels;
  int sums[kChannels] = {};
  for (int row = 0; row < rows; ++row, from += stride) {
    for (int column = 0; column < columns; ++column) {
      for (int c = 0; c < kChannels; ++c) sums[c] += from[column * kChannels + c];
    }
  }
  const int count = rows * columns;
  std::uint8_t* to = r.to + (static_cast<std::size_t>(y) * width + x) * kChannels;
  for (int c = 0; c < kChannels; ++c) to[c] = static_cast<std::uint8_t>((sums[c] + count / 2) / count);
}

}  // namespace

void launch_reduction(const BoxReduction& reduction, cudaStream_t stream) {
  const int columns = divided(reduction.width, reduction.reduction), rows = divided(reduction.height, reduction.reduction);
  const dim3 grid(static_cast<unsigned>(divided(columns, kThreads)), static_cast<unsigned>(rows));
  if (reduction.channels == 1) {
    box_means<1><<<grid, kThreads, 0, stream>>>(reduction);
  } else {
    box_means<3><<<grid, kThreads, 0, stream>>>(reduction);
  }
  if (const auto error = cudaGetLastError(); error != cudaSuccess)
    throw std::runtime_error(std::string("a picture could not be made smaller on the GPU: ") + cudaGetErrorString(error));
}

}  // namespace clipdex::encoder
