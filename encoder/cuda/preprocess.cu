#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <stdexcept>
#include <string>

#include "encoder/cuda/preprocess.h"
#include "encoder/resize_passes.h"

namespace clipdex::encoder {
namespace {

constexpr int kHalf = 1 << (kPrecisionBits - 1);
constexpr int kChannels = 3;
constexpr int kThreads = 128;

__device__ std::uint8_t rounded(std::int32_t accumulated) {
  return static_cast<std::uint8_t>(min(max(accumulated >> kPrecisionBits, 0), 255));
}

// One sample triple of a row each; x: position within the window, y: row, z: picture.
__global__ void horizontal_pass(const DevicePicture* pictures) {
  const DevicePicture& picture = pictures[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y);
  if (picture.across.weights == nullptr || x >= picture.window_width || y >= picture.rows) return;
  const std::int32_t* weights = picture.across.weights + static_cast<std::size_t>(x) * picture.across.per_position;
  const std::uint8_t* from = picture.pixels + (static_cast<std::size_t>(y) * picture.width + picture.across.first[x]) * kChannels;
  std::int32_t sums[kChannels] = {kHalf, kHalf, kHalf};
  for (int i = 0; i < picture.across.count[x]; ++i) {
    for (int c = 0; c < kChannels; ++c) sums[c] += from[i * kChannels + c] * weights[i];
  }
  std::uint8_t* to = picture.between + (static_cast<std::size_t>(y) * picture.window_width + x) * kChannels;
  for (int c = 0; c < kChannels; ++c) to[c] = rounded(sums[c]);
}

template <typename T>
__device__ T converted(float value);
template <>
__device__ float converted<float>(float value) {
  return value;
}
template <>
__device__ __half converted<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __nv_bfloat16 converted<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// One pixel of the model's picture each: the vertical pass, what is around the window, and the normalisation.
template <typename T>
__global__ void vertical_pass(const DevicePicture* pictures, const float* tables, int fill, int width, int height, T* out) {
  const DevicePicture& picture = pictures[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y);
  if (x >= width) return;
  int samples[kChannels] = {fill, fill, fill};
  const int column = x - picture.left, row = y - picture.top;
  if (column >= 0 && column < picture.window_width && row >= 0 && row < picture.window_height) {
    const bool passed = picture.across.weights != nullptr;
    const std::uint8_t* source = passed ? picture.between : picture.pixels;
    const std::size_t stride = static_cast<std::size_t>(passed ? picture.window_width : picture.width) * kChannels;
    const std::uint8_t* from = source + static_cast<std::size_t>(column) * kChannels;
    if (picture.down.weights == nullptr) {
      for (int c = 0; c < kChannels; ++c) samples[c] = from[static_cast<std::size_t>(row) * stride + c];
    } else {
      const std::int32_t* weights = picture.down.weights + static_cast<std::size_t>(row) * picture.down.per_position;
      from += static_cast<std::size_t>(picture.down.first[row] - picture.first_row) * stride;
      std::int32_t sums[kChannels] = {kHalf, kHalf, kHalf};
      for (int i = 0; i < picture.down.count[row]; ++i, from += stride) {
        for (int c = 0; c < kChannels; ++c) sums[c] += from[c] * weights[i];
      }
      for (int c = 0; c < kChannels; ++c) samples[c] = rounded(sums[c]);
    }
  }
  const std::size_t plane = static_cast<std::size_t>(width) * height;
  T* to = out + blockIdx.z * kChannels * plane + static_cast<std::size_t>(y) * width + x;
  for (int c = 0; c < kChannels; ++c) to[c * plane] = converted<T>(tables[c * 256 + samples[c]]);
}

dim3 grid(int columns, int rows, int pictures) {
  return {static_cast<unsigned>((columns + kThreads - 1) / kThreads), static_cast<unsigned>(rows), static_cast<unsigned>(pictures)};
}

template <typename T>
void launch_vertical(const PreprocessLaunch& launch, cudaStream_t stream) {
  vertical_pass<<<grid(launch.width, launch.height, launch.count), kThreads, 0, stream>>>(
      launch.pictures, launch.tables, launch.fill, launch.width, launch.height, static_cast<T*>(launch.out));
}

}  // namespace

void launch_preprocess(const PreprocessLaunch& launch, cudaStream_t stream) {
  horizontal_pass<<<grid(launch.window_width_max, launch.rows_max, launch.count), kThreads, 0, stream>>>(launch.pictures);
  switch (launch.type) {
    case PixelType::kFloat:
      launch_vertical<float>(launch, stream);
      break;
    case PixelType::kHalf:
      launch_vertical<__half>(launch, stream);
      break;
    case PixelType::kBfloat16:
      launch_vertical<__nv_bfloat16>(launch, stream);
      break;
  }
  if (const auto error = cudaGetLastError(); error != cudaSuccess)
    throw std::runtime_error(std::string("pictures could not be preprocessed on the GPU: ") + cudaGetErrorString(error));
}

}  // namespace clipdex::encoder
