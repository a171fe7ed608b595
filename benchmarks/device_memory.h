// A GPU's memory, for as long as it is held.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace clipdex::benchmarks {

// Throws std::runtime_error, with the cause, if it is one.
inline void check_cuda(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

// Of the current device. What is in it is not known.
class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes) { check_cuda(cudaMalloc(&pointer_, bytes), "cudaMalloc"); }
  ~DeviceMemory() { cudaFree(pointer_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* get() const { return pointer_; }
  // Returns when they are there.
  void put(std::size_t offset, const void* from, std::size_t bytes) {
    check_cuda(cudaMemcpy(static_cast<std::byte*>(pointer_) + offset, from, bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    check_cuda(cudaDeviceSynchronize(), "copying to the GPU");
  }

 private:
  void* pointer_ = nullptr;
};

}  // namespace clipdex::benchmarks
