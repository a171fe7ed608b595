#include "index/gpu/gpu_accelerator.h"

#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <faiss/gpu/GpuDistance.h>
#include <faiss/gpu/StandardGpuResources.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "index/gpu/device_thread.h"

namespace clipdex::index {
namespace {

// FAISS selects no more at once.
constexpr std::size_t kBestMax = 2048;
// Beyond what is wanted, for those whose order the rounding changes.
constexpr std::size_t kSpare = 32;
// Vectors that are converted and copied at once.
constexpr std::size_t kRowsPerCopy = 32'768;
// Scratch memory of FAISS's, for distances that are selected from.
constexpr std::size_t kScratchBytes = std::size_t{512} << 20;
// Of scores between vectors of unit length. fp16: twice the rounding of a number (2^-11), and sums in fp32; fp32: sums alone.
constexpr float kHalfError = 1.1e-3F, kFloatError = 1e-4F;

// Queries of one call: FAISS's scratch memory is in proportion.
constexpr std::size_t kQueriesPerCall = 64;

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  // FAISS asks for the last error after its own calls, and must not find this one.
  static_cast<void>(cudaGetLastError());
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

// What all copies on one device share. Its members are used on its thread alone, but for the atomic ones and fail().
struct Gpu {
  explicit Gpu(const AcceleratorOptions& options_) : options(options_) {
    thread.run([this] {
      check(cudaSetDevice(options.device), "the GPU cannot be used");
      resources = std::make_unique<faiss::gpu::StandardGpuResources>();
      resources->setTempMemory(kScratchBytes);
      resources->getResources()->initializeForDevice(options.device);
      std::size_t free_now = 0, total = 0;
      check(cudaMemGetInfo(&free_now, &total), "the GPU's memory cannot be asked");
      bytes_max = options.bytes_max.value_or(free_now / 2);
    });
  }
  ~Gpu() {
    thread.run([this] { resources.reset(); });
  }

  // Once: nothing is asked of the device any more.
  void fail(const std::string& reason) {
    if (failed.exchange(true)) return;
    if (options.on_failure) options.on_failure(reason);
  }

  const AcceleratorOptions options;
  std::atomic<std::size_t> bytes_max = 0;
  std::atomic<std::size_t> used = 0;
  std::atomic<bool> failed = false;
  std::unique_ptr<faiss::gpu::StandardGpuResources> resources;
  DeviceThread thread;  // last: it ends first
};

class GpuVectors : public DeviceVectors {
 public:
  // Takes over the memory and its bytes, which are counted already.
  GpuVectors(std::shared_ptr<Gpu> gpu, void* memory, std::size_t n, std::size_t dimension, std::size_t bytes)
      : gpu_(std::move(gpu)), memory_(memory), n_(n), dimension_(dimension), bytes_(bytes) {}
  // Waits for nobody: whoever lets go may hold an index's lock.
  ~GpuVectors() override {
    gpu_->thread.post([gpu = gpu_.get(), memory = memory_, bytes = bytes_] {
      cudaFree(memory);
      gpu->used -= bytes;
    });
  }
  GpuVectors(const GpuVectors&) = delete;
  GpuVectors& operator=(const GpuVectors&) = delete;

  std::size_t bytes() const override { return bytes_; }
  bool usable() const override { return !gpu_->failed; }
  std::optional<float> score_error() const override { return gpu_->options.half ? kHalfError : kFloatError; }
  std::size_t k_max() const override { return kBestMax; }
  std::size_t candidates(std::size_t limit) const override { return limit + kSpare; }

  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    for (std::size_t begin = 0; begin < n; begin += kQueriesPerCall) {
      const std::size_t count = std::min(kQueriesPerCall, n - begin);
      const auto some = queries.subspan(begin * dimension_, count * dimension_);
      gpu_->thread.run([&] { search_there(some, count, k, scores + begin * k, positions + begin * k); });
    }
  }

  // Converts here, and copies on the GPU's thread, some at a time: searches go on between them. False: it was stopped.
  bool fill(const std::function<const float*(std::size_t)>& vector, const std::stop_token& stop) {
    const std::size_t width = gpu_->options.half ? sizeof(__half) : sizeof(float);
    std::vector<std::byte> rows(std::min(kRowsPerCopy, n_) * dimension_ * width);
    for (std::size_t begin = 0; begin < n_; begin += kRowsPerCopy) {
      if (stop.stop_requested()) return false;
      const std::size_t count = std::min(kRowsPerCopy, n_ - begin);
      for (std::size_t i = 0; i < count; ++i) put(vector(begin + i), rows.data() + i * dimension_ * width);
      gpu_->thread.run([&] {
        check(cudaMemcpy(static_cast<std::byte*>(memory_) + begin * dimension_ * width, rows.data(), count * dimension_ * width,
                         cudaMemcpyHostToDevice),
              "a segment cannot be copied to the GPU");
        // The last of it may still be on its way, and FAISS has streams of its own.
        check(cudaStreamSynchronize(nullptr), "a segment cannot be copied to the GPU");
      });
    }
    return true;
  }

 private:
  void put(const float* vector, std::byte* to) const {
    if (!gpu_->options.half) {
      std::memcpy(to, vector, dimension_ * sizeof(float));
      return;
    }
    auto* halves = reinterpret_cast<__half*>(to);
    for (std::size_t i = 0; i < dimension_; ++i) halves[i] = __float2half_rn(vector[i]);
  }

  // What cannot be done now (for want of scratch memory, say) is the caller's to do otherwise; what has become of the GPU is asked then.
  void search_there(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const {
    if (gpu_->failed) throw std::runtime_error("the GPU has failed");
    try {
      run_faiss(queries, n, k, scores, positions);
    } catch (const std::exception& error) {
      if (const auto state = cudaDeviceSynchronize(); state != cudaSuccess)
        gpu_->fail(std::string(error.what()) + " (" + cudaGetErrorString(state) + ")");
      static_cast<void>(cudaGetLastError());
      throw std::runtime_error(error.what());
    }
  }

  void run_faiss(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const {
    std::vector<__half> halves;
    if (gpu_->options.half) {
      halves.resize(queries.size());
      std::transform(queries.begin(), queries.end(), halves.begin(), [](float value) { return __float2half_rn(value); });
    }
    const auto type = gpu_->options.half ? faiss::gpu::DistanceDataType::F16 : faiss::gpu::DistanceDataType::F32;
    faiss::gpu::GpuDistanceParams parameters;
    parameters.metric = faiss::METRIC_INNER_PRODUCT;
    parameters.k = static_cast<int>(k);
    parameters.dims = static_cast<int>(dimension_);
    parameters.vectors = memory_;
    parameters.vectorType = type;
    parameters.numVectors = static_cast<faiss::idx_t>(n_);
    parameters.queries = gpu_->options.half ? static_cast<const void*>(halves.data()) : queries.data();
    parameters.queryType = type;
    parameters.numQueries = static_cast<faiss::idx_t>(n);
    parameters.outDistances = scores;
    parameters.outIndices = positions;
    parameters.device = gpu_->options.device;
    faiss::gpu::bfKnn(gpu_->resources.get(), parameters);
  }

  std::shared_ptr<Gpu> gpu_;
  void* memory_;
  std::size_t n_, dimension_, bytes_;
};

class GpuAccelerator : public Accelerator {
 public:
  explicit GpuAccelerator(const AcceleratorOptions& options) : gpu_(std::make_shared<Gpu>(options)) {}

  bool usable() const override { return !gpu_->failed; }
  std::size_t bytes_free() const override {
    const std::size_t used = gpu_->used, most = gpu_->bytes_max;
    return used >= most ? 0 : most - used;
  }
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override {
    return n * dimension * (gpu_->options.half ? sizeof(__half) : sizeof(float));
  }

  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& stop) override {
    const std::size_t bytes = bytes_for(n, dimension);
    if (n == 0 || gpu_->failed) return nullptr;
    if (gpu_->used.fetch_add(bytes) + bytes > gpu_->bytes_max) {
      gpu_->used -= bytes;
      return nullptr;
    }
    void* memory = gpu_->thread.run([&] {
      void* allocated = nullptr;
      if (cudaMalloc(&allocated, bytes) == cudaSuccess) return allocated;
      static_cast<void>(cudaGetLastError());
      return static_cast<void*>(nullptr);
    });
    if (memory == nullptr) {
      // Somebody else has it: what is used now is what there is.
      gpu_->used -= bytes;
      gpu_->bytes_max = gpu_->used.load();
      return nullptr;
    }
    const auto vectors = std::make_shared<GpuVectors>(gpu_, memory, n, dimension, bytes);
    try {
      if (vectors->fill(vector, stop)) return vectors;
    } catch (const std::runtime_error& error) {
      gpu_->fail(error.what());
    }
    return nullptr;
  }
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& /*lists*/) const override { return std::nullopt; }
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& /*lists*/, const std::stop_token& /*stop*/) override {
    return nullptr;
  }

 private:
  std::shared_ptr<Gpu> gpu_;
};

}  // namespace

std::shared_ptr<Accelerator> make_gpu_accelerator(const AcceleratorOptions& options) { return std::make_shared<GpuAccelerator>(options); }

}  // namespace clipdex::index
