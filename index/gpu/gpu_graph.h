// A graph over vectors on a GPU: CAGRA (Ootomo et al., arXiv:2308.15136), of cuVS. Private to index/; only in builds with CLIPDEX_CUVS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "index/accelerator.h"
#include "index/gpu/gpu.h"
#include "index/gpu/gpu_vectors.h"

namespace faiss::gpu {
struct GpuIndexCagra;
class StandardGpuResources;
}  // namespace faiss::gpu

namespace clipdex::index {

// A search of fewer vectors compares all of them about as quickly.
inline constexpr std::size_t kGraphRowsMin = 500'000;

// The vectors as they are, whose searches compare all of them, and a graph for those that are approximate.
class GpuGraph : public DeviceVectors {
 public:
  // Whether this FAISS builds graphs over vectors in fp16.
  static bool takes_half();
  // Builds on the calling thread, with resources of its own: searches go on meanwhile. nullptr: the GPU has no memory for it, or failed.
  static std::shared_ptr<const GpuGraph> make(const std::shared_ptr<Gpu>& gpu, std::shared_ptr<const GpuVectors> vectors);

  // Takes over the graph, whose memory is reserved already.
  GpuGraph(std::shared_ptr<Gpu> gpu, std::shared_ptr<const GpuVectors> vectors, std::unique_ptr<faiss::gpu::StandardGpuResources> resources,
           std::unique_ptr<faiss::gpu::GpuIndexCagra> index);
  // Waits for nobody: whoever lets go may hold an index's lock.
  ~GpuGraph() override;
  GpuGraph(const GpuGraph&) = delete;
  GpuGraph& operator=(const GpuGraph&) = delete;

  std::size_t bytes() const override;
  bool usable() const override { return vectors_->usable(); }
  std::optional<float> score_error() const override { return vectors_->score_error(); }  // of search()
  std::size_t k_max() const override { return vectors_->k_max(); }
  std::size_t candidates(std::size_t limit) const override { return vectors_->candidates(limit); }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    vectors_->search(queries, n, k, scores, positions);
  }
  // A graph is walked for a few hundred at most; more than that are search()'s.
  void search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                            std::int64_t* positions) const override;

 private:
  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<const GpuVectors> vectors_;  // the graph has no copy of them, unless their dimension is an odd one
  std::unique_ptr<faiss::gpu::StandardGpuResources> resources_;
  std::unique_ptr<faiss::gpu::GpuIndexCagra> index_;  // of the device's thread, once it is built
};

}  // namespace clipdex::index
