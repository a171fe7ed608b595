#include "benchmarks/gpu_limits.h"

#include <cublas_v2.h>
#include <cuda_bf16.h>

#include <cstddef>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <vector>

#include "benchmarks/device_memory.h"
#include "benchmarks/repeated_runs.h"

namespace clipdex::benchmarks {
namespace {

double copied_bytes() {
  constexpr std::size_t kBytes = std::size_t{2} << 30;
  const DeviceMemory from(kBytes), to(kBytes);
  check_cuda(cudaMemset(from.get(), 1, kBytes), "cudaMemset");
  const auto times = time_runs([&] {
    check_cuda(cudaMemcpy(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice), "cudaMemcpy");
    check_cuda(cudaDeviceSynchronize(), "copying");
  });
  return 2 * static_cast<double>(kBytes) / times.least;
}

// Numbers as a model has them: with zeros a GPU takes less power and is faster than with anything that is worth computing.
std::vector<__nv_bfloat16> random_matrix(std::size_t numbers, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<__nv_bfloat16> matrix(numbers);
  for (auto& value : matrix) value = __float2bfloat16(static_cast<float>(random() >> 8) / static_cast<float>(1 << 23) - 1);
  return matrix;
}

double bf16_flop() {
  constexpr int kSide = 8192;
  constexpr std::size_t kNumbers = std::size_t{kSide} * kSide, kBytes = kNumbers * sizeof(__nv_bfloat16);
  DeviceMemory a(kBytes), b(kBytes);
  const DeviceMemory c(kBytes);
  a.put(0, random_matrix(kNumbers, 1).data(), kBytes);
  b.put(0, random_matrix(kNumbers, 2).data(), kBytes);
  cublasHandle_t handle = nullptr;
  if (cublasCreate(&handle) != CUBLAS_STATUS_SUCCESS) throw std::runtime_error("cuBLAS does not start");
  const float one = 1, zero = 0;
  auto status = CUBLAS_STATUS_SUCCESS;
  const auto times = time_runs([&] {
    status = cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, kSide, kSide, kSide, &one, a.get(), CUDA_R_16BF, kSide, b.get(), CUDA_R_16BF,
                          kSide, &zero, c.get(), CUDA_R_16BF, kSide, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    check_cuda(cudaDeviceSynchronize(), "a matrix product");
  });
  cublasDestroy(handle);
  if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error("cuBLAS cannot multiply bf16 on this GPU");
  return 2.0 * kSide * kSide * kSide / times.p50;
}

}  // namespace

GpuLimits measure_gpu_limits() { return {.copied_bytes = copied_bytes(), .bf16_flop = bf16_flop()}; }

std::string describe(const GpuLimits& limits) {
  char line[160];
  std::snprintf(line, sizeof line, "copies %.0f GB/s, read and written; bf16 matrix product of 8192^3 %.0f TFLOP/s",
                limits.copied_bytes / 1e9, limits.bf16_flop / 1e12);
  return line;
}

}  // namespace clipdex::benchmarks
