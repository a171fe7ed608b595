#include "index/gpu/gpu_vectors.h"

#include <cuda_runtime_api.h>
#include <faiss/gpu/GpuDistance.h>
#include <faiss/gpu/StandardGpuResources.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace clipdex::index {
namespace {

// Beyond what is wanted, for those whose order the rounding changes.
constexpr std::size_t kSpare = 32;
// Vectors that are converted and copied at once.
constexpr std::size_t kRowsPerCopy = 32'768;
// Of scores between vectors of unit length. fp16: twice the rounding of a number (2^-11), and sums in fp32; fp32: sums alone.
constexpr float kHalfError = 1.1e-3F, kFloatError = 1e-4F;

}  // namespace

std::vector<__half> halves_of(std::span<const float> numbers) {
  std::vector<__half> halves(numbers.size());
  std::transform(numbers.begin(), numbers.end(), halves.begin(), [](float value) { return __float2half_rn(value); });
  return halves;
}

std::size_t GpuVectors::bytes_for(std::size_t n, std::size_t dimension, bool half) {
  return n * dimension * (half ? sizeof(__half) : sizeof(float));
}

std::shared_ptr<const GpuVectors> GpuVectors::make(const std::shared_ptr<Gpu>& gpu, std::size_t n, std::size_t dimension,
                                                   const std::function<const float*(std::size_t)>& vector, const std::stop_token& stop) {
  const std::size_t bytes = bytes_for(n, dimension, gpu->options().half);
  if (n == 0 || gpu->failed() || !gpu->reserve(bytes)) return nullptr;
  void* memory = gpu->run([&] {
    void* allocated = nullptr;
    if (cudaMalloc(&allocated, bytes) == cudaSuccess) return allocated;
    static_cast<void>(cudaGetLastError());
    return static_cast<void*>(nullptr);
  });
  if (memory == nullptr) {
    gpu->release(bytes);
    gpu->limit_to_reserved();
    return nullptr;
  }
  const auto vectors = std::make_shared<GpuVectors>(gpu, memory, n, dimension);
  try {
    if (vectors->fill(vector, stop)) return vectors;
  } catch (const std::runtime_error& error) {
    gpu->fail(error.what());
  }
  return nullptr;
}

GpuVectors::GpuVectors(std::shared_ptr<Gpu> gpu, void* memory, std::size_t n, std::size_t dimension)
    : gpu_(std::move(gpu)), memory_(memory), n_(n), dimension_(dimension) {}

GpuVectors::~GpuVectors() {
  gpu_->post([gpu = gpu_.get(), memory = memory_, bytes = bytes()] {
    cudaFree(memory);
    gpu->release(bytes);
  });
}

std::optional<float> GpuVectors::score_error() const { return half() ? kHalfError : kFloatError; }

std::size_t GpuVectors::candidates(std::size_t limit) const { return limit + kSpare; }

void GpuVectors::search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const {
  gpu_->search(queries, n, k, scores, positions,
               [&](std::span<const float> some, std::size_t count, float* some_scores, std::int64_t* found) {
                 search_there(some, count, k, some_scores, found);
               });
}

bool GpuVectors::fill(const std::function<const float*(std::size_t)>& vector, const std::stop_token& stop) {
  const std::size_t row_bytes = bytes_for(1, dimension_, half());
  std::vector<std::byte> rows(std::min(kRowsPerCopy, n_) * row_bytes);
  for (std::size_t begin = 0; begin < n_; begin += kRowsPerCopy) {
    if (stop.stop_requested()) return false;
    const std::size_t count = std::min(kRowsPerCopy, n_ - begin);
    for (std::size_t i = 0; i < count; ++i) put(vector(begin + i), rows.data() + i * row_bytes);
    gpu_->run([&] {
      check(cudaMemcpy(static_cast<std::byte*>(memory_) + begin * row_bytes, rows.data(), count * row_bytes, cudaMemcpyHostToDevice),
            "a segment cannot be copied to the GPU");
      // The last of it may still be on its way, and FAISS has streams of its own.
      check(cudaStreamSynchronize(nullptr), "a segment cannot be copied to the GPU");
    });
  }
  return true;
}

void GpuVectors::put(const float* vector, std::byte* to) const {
  if (!half()) {
    std::memcpy(to, vector, dimension_ * sizeof(float));
    return;
  }
  auto* halves = reinterpret_cast<__half*>(to);
  for (std::size_t i = 0; i < dimension_; ++i) halves[i] = __float2half_rn(vector[i]);
}

void GpuVectors::search_there(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const {
  const auto halves = half() ? halves_of(queries) : std::vector<__half>();
  const auto type = half() ? faiss::gpu::DistanceDataType::F16 : faiss::gpu::DistanceDataType::F32;
  faiss::gpu::GpuDistanceParams parameters;
  parameters.metric = faiss::METRIC_INNER_PRODUCT;
  parameters.k = static_cast<int>(k);
  parameters.dims = static_cast<int>(dimension_);
  parameters.vectors = memory_;
  parameters.vectorType = type;
  parameters.numVectors = static_cast<faiss::idx_t>(n_);
  parameters.queries = half() ? static_cast<const void*>(halves.data()) : queries.data();
  parameters.queryType = type;
  parameters.numQueries = static_cast<faiss::idx_t>(n);
  parameters.outDistances = scores;
  parameters.outIndices = positions;
  parameters.device = gpu_->options().device;
  without_cuvs(parameters);
  faiss::gpu::bfKnn(gpu_->resources(), parameters);
}

}  // namespace clipdex::index
