#include "index/gpu/gpu_graph.h"

#include <faiss/gpu/GpuIndexCagra.h>
#include <faiss/gpu/StandardGpuResources.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace clipdex::index {
namespace {

// Neighbours of a vector.
constexpr std::size_t kDegree = 64, kDegreeBeforePruning = 128;
// Scratch memory of each graph's own, beside what cuVS allocates itself.
constexpr std::size_t kScratchBytes = std::size_t{64} << 20;
// What a walk keeps at a time (itopk): twice what is wanted, within these bounds. Its kernels for few queries keep no more.
constexpr std::size_t kKeptMin = 128, kKeptMax = 512, kKeptMultiple = 32;
// cuVS wants vectors to begin at multiples of it, and makes a copy of those that do not.
constexpr std::size_t kVectorAlignment = 16;

std::size_t graph_bytes(const GpuVectors& vectors) {
  const std::size_t row_bytes = GpuVectors::bytes_for(1, vectors.dimension(), vectors.half());
  const std::size_t aligned = (row_bytes + kVectorAlignment - 1) / kVectorAlignment * kVectorAlignment;
  return kScratchBytes + vectors.n() * (kDegree * sizeof(std::uint32_t) + (aligned == row_bytes ? 0 : aligned));
}

std::size_t kept_for(std::size_t k) {
  const std::size_t kept = (2 * k + kKeptMultiple - 1) / kKeptMultiple * kKeptMultiple;
  return std::clamp(kept, kKeptMin, kKeptMax);
}

// FAISS has called the functions that take fp16 differently from version to version, and had none at first.
template <typename Index>
inline constexpr bool kTakesHalf = requires(const Index& index) { index.get_numeric_type(); };

template <typename Index>
void train(Index& index, const GpuVectors& vectors) {
  const auto n = static_cast<faiss::idx_t>(vectors.n());
  if (!vectors.half()) {
    index.train(n, static_cast<const float*>(vectors.memory()));
  } else if constexpr (kTakesHalf<Index>) {
    constexpr auto kHalf = decltype(index.get_numeric_type())::Float16;
    if constexpr (requires { index.train_ex(n, vectors.memory(), kHalf); }) {
      index.train_ex(n, vectors.memory(), kHalf);
    } else if constexpr (requires { index.trainEx(n, vectors.memory(), kHalf); }) {
      index.trainEx(n, vectors.memory(), kHalf);
    } else {
      index.train(n, vectors.memory(), kHalf);
    }
  } else {
    throw std::runtime_error("this FAISS builds graphs over vectors in fp32 alone");
  }
}

template <typename Index>
void walk(const Index& index, bool half, std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
          std::int64_t* positions) {
  faiss::gpu::SearchParametersCagra parameters;
  parameters.itopk_size = kept_for(k);
  const auto count = static_cast<faiss::idx_t>(n), wanted = static_cast<faiss::idx_t>(k);
  if (!half) {
    index.search(count, queries.data(), wanted, scores, positions, &parameters);
  } else if constexpr (kTakesHalf<Index>) {
    constexpr auto kHalf = decltype(index.get_numeric_type())::Float16;
    const auto halves = halves_of(queries);
    const void* data = halves.data();
    if constexpr (requires { index.search_ex(count, data, kHalf, wanted, scores, positions, &parameters); }) {
      index.search_ex(count, data, kHalf, wanted, scores, positions, &parameters);
    } else if constexpr (requires { index.searchEx(count, data, kHalf, wanted, scores, positions, &parameters); }) {
      index.searchEx(count, data, kHalf, wanted, scores, positions, &parameters);
    } else {
      index.search(count, data, kHalf, wanted, scores, positions, &parameters);
    }
  }
}

}  // namespace

bool GpuGraph::takes_half() { return kTakesHalf<faiss::gpu::GpuIndexCagra>; }

std::shared_ptr<const GpuGraph> GpuGraph::make(const std::shared_ptr<Gpu>& gpu, std::shared_ptr<const GpuVectors> vectors) {
  const std::size_t bytes = graph_bytes(*vectors);
  if (!gpu->reserve(bytes)) return nullptr;
  std::unique_ptr<faiss::gpu::StandardGpuResources> resources;
  std::unique_ptr<faiss::gpu::GpuIndexCagra> index;
  try {
    gpu->attempt([&] {
      check(cudaSetDevice(gpu->options().device), "the GPU cannot be used");
      resources = std::make_unique<faiss::gpu::StandardGpuResources>();
      resources->setTempMemory(kScratchBytes);
      resources->setPinnedMemory(0);
      faiss::gpu::GpuIndexCagraConfig config;
      config.device = gpu->options().device;
      config.graph_degree = kDegree;
      config.intermediate_graph_degree = kDegreeBeforePruning;
      index = std::make_unique<faiss::gpu::GpuIndexCagra>(resources.get(), static_cast<int>(vectors->dimension()),
                                                          faiss::METRIC_INNER_PRODUCT, config);
      train(*index, *vectors);
      resources->syncDefaultStreamCurrentDevice();
    });
  } catch (const std::exception&) {
    // Searches compare all vectors, as without a graph. If the GPU has failed, it has told why, and FAISS would end the process where it
    // cannot give back what it has.
    if (gpu->failed()) {
      static_cast<void>(index.release());
      static_cast<void>(resources.release());
    }
    gpu->release(bytes);
    return nullptr;
  }
  return std::make_shared<GpuGraph>(gpu, std::move(vectors), std::move(resources), std::move(index));
}

GpuGraph::GpuGraph(std::shared_ptr<Gpu> gpu, std::shared_ptr<const GpuVectors> vectors,
                   std::unique_ptr<faiss::gpu::StandardGpuResources> resources, std::unique_ptr<faiss::gpu::GpuIndexCagra> index)
    : gpu_(std::move(gpu)), vectors_(std::move(vectors)), resources_(std::move(resources)), index_(std::move(index)) {}

GpuGraph::~GpuGraph() {
  // The vectors' memory is freed after the graph that reads it: tasks run in order.
  gpu_->post([gpu = gpu_.get(), index = index_.release(), resources = resources_.release(), bytes = graph_bytes(*vectors_)] {
    if (!gpu->failed()) {
      delete index;
      delete resources;
    }
    gpu->release(bytes);
  });
}

std::size_t GpuGraph::bytes() const { return vectors_->bytes() + graph_bytes(*vectors_); }

void GpuGraph::search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                                    std::int64_t* positions) const {
  if (k > kKeptMax) return search(queries, n, k, scores, positions);
  gpu_->search(
      queries, n, k, scores, positions, [&](std::span<const float> some, std::size_t count, float* some_scores, std::int64_t* found) {
        walk(*index_, vectors_->half(), some, count, k, some_scores, found);
        // A walk that has met fewer leaves numbers that are no vector's, which old versions of FAISS pass on.
        const auto n_vectors = static_cast<std::int64_t>(vectors_->n());
        std::replace_if(found, found + count * k, [&](std::int64_t position) { return position < 0 || position >= n_vectors; }, -1);
      });
}

}  // namespace clipdex::index
