// A segment's inverted lists of codes on a GPU. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>

#include "index/accelerator.h"
#include "index/gpu/gpu.h"
#include "index/quantized_lists.h"

namespace faiss::gpu {
class GpuIndexIVFPQ;
}

namespace clipdex::index {

// A search compares the codes of as many of the nearest lists as IvfPq's does.
class GpuLists : public DeviceVectors {
 public:
  // Nothing: FAISS has no kernel for so many codes a vector.
  static std::optional<std::size_t> bytes_for(const QuantizedLists& lists);
  // As Accelerator::hold_lists().
  static std::shared_ptr<const GpuLists> make(const std::shared_ptr<Gpu>& gpu, const QuantizedLists& lists, const std::stop_token& stop);

  // Takes over the index, whose memory is reserved already.
  GpuLists(std::shared_ptr<Gpu> gpu, std::unique_ptr<faiss::gpu::GpuIndexIVFPQ> index, const QuantizedLists& lists, std::size_t bytes);
  // Waits for nobody: whoever lets go may hold an index's lock.
  ~GpuLists() override;
  GpuLists(const GpuLists&) = delete;
  GpuLists& operator=(const GpuLists&) = delete;

  std::size_t bytes() const override { return bytes_; }
  bool usable() const override { return !gpu_->failed(); }
  std::optional<float> score_error() const override { return std::nullopt; }
  std::size_t k_max() const override { return kSelectedMax; }
  std::size_t candidates(std::size_t limit) const override { return refined_for(limit); }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override;

 private:
  std::shared_ptr<Gpu> gpu_;
  std::unique_ptr<faiss::gpu::GpuIndexIVFPQ> index_;  // of the device's thread
  std::size_t n_, lists_, probes_;
  std::size_t bytes_;
};

}  // namespace clipdex::index
