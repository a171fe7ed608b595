// A segment's vectors on a GPU, all of which a search compares. Private to index/.
#pragma once

#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "index/accelerator.h"
#include "index/gpu/gpu.h"

namespace clipdex::index {

// What a query is where the vectors are in fp16.
std::vector<__half> halves_of(std::span<const float> numbers);

class GpuVectors : public DeviceVectors {
 public:
  static std::size_t bytes_for(std::size_t n, std::size_t dimension, bool half);
  // As Accelerator::hold().
  static std::shared_ptr<const GpuVectors> make(const std::shared_ptr<Gpu>& gpu, std::size_t n, std::size_t dimension,
                                                const std::function<const float*(std::size_t)>& vector, const std::stop_token& stop);

  // Takes over the memory, which is reserved already.
  GpuVectors(std::shared_ptr<Gpu> gpu, void* memory, std::size_t n, std::size_t dimension);
  // Waits for nobody: whoever lets go may hold an index's lock.
  ~GpuVectors() override;
  GpuVectors(const GpuVectors&) = delete;
  GpuVectors& operator=(const GpuVectors&) = delete;

  std::size_t bytes() const override { return bytes_for(n_, dimension_, half()); }
  bool usable() const override { return !gpu_->failed(); }
  std::optional<float> score_error() const override;
  std::size_t k_max() const override { return kSelectedMax; }
  std::size_t candidates(std::size_t limit) const override;
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override;

  std::size_t n() const { return n_; }
  std::size_t dimension() const { return dimension_; }
  // [n, dimension] on the device; fp16 or fp32.
  const void* memory() const { return memory_; }
  bool half() const { return gpu_->options().half; }

 private:
  // Converts here, and copies on the GPU's thread, some at a time: searches go on between them. False: it was stopped.
  bool fill(const std::function<const float*(std::size_t)>& vector, const std::stop_token& stop);
  void put(const float* vector, std::byte* to) const;
  void search_there(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const;

  std::shared_ptr<Gpu> gpu_;
  void* memory_;
  std::size_t n_, dimension_;
};

}  // namespace clipdex::index
