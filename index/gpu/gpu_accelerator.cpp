#include "index/gpu/gpu_accelerator.h"

#include <stdexcept>
#include <utility>

#include "index/gpu/gpu.h"
#include "index/gpu/gpu_lists.h"
#include "index/gpu/gpu_vectors.h"
#ifdef CLIPDEX_CUVS
#include "index/gpu/gpu_graph.h"
#endif

namespace clipdex::index {
namespace {

class GpuAccelerator : public Accelerator {
 public:
  explicit GpuAccelerator(const AcceleratorOptions& options) : gpu_(std::make_shared<Gpu>(options)) {}

  bool usable() const override { return !gpu_->failed(); }
  std::size_t bytes_free() const override { return gpu_->bytes_free(); }
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override {
    return GpuVectors::bytes_for(n, dimension, gpu_->options().half);
  }
  // Whoever lets go of a copy has the device's thread free it.
  void wait_for_released() override {
    gpu_->run([] {});
  }
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& stop) override {
    return GpuVectors::make(gpu_, n, dimension, vector, stop);
  }
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& lists) const override { return GpuLists::bytes_for(lists); }
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& lists, const std::stop_token& stop) override {
    return GpuLists::make(gpu_, lists, stop);
  }

#ifdef CLIPDEX_CUVS
  bool wants_graph(const DeviceVectors& vectors) const override {
    const auto* held = dynamic_cast<const GpuVectors*>(&vectors);
    return gpu_->options().graph && held != nullptr && held->n() >= kGraphRowsMin;
  }
  std::shared_ptr<const DeviceVectors> with_graph(std::shared_ptr<const DeviceVectors> vectors, const std::stop_token& stop) override {
    if (!wants_graph(*vectors) || stop.stop_requested()) return vectors;
    const auto graph = GpuGraph::make(gpu_, std::dynamic_pointer_cast<const GpuVectors>(vectors));
    if (!graph) return vectors;
    return graph;
  }
#endif

 private:
  std::shared_ptr<Gpu> gpu_;
};

// Throws if this build cannot have them.
void check_graphs(const AcceleratorOptions& options) {
  if (!options.graph) return;
#ifdef CLIPDEX_CUVS
  if (options.half && !GpuGraph::takes_half())
    throw std::runtime_error("this FAISS builds graphs on a GPU over vectors in fp32 alone: a newer one is needed, or fp32 there");
#else
  throw std::runtime_error("graphs on a GPU need a FAISS with cuVS, and this clipdex is built without");
#endif
}

}  // namespace

std::shared_ptr<Accelerator> make_gpu_accelerator(const AcceleratorOptions& options) {
  check_graphs(options);
  return std::make_shared<GpuAccelerator>(options);
}

}  // namespace clipdex::index
