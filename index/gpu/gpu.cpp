#include "index/gpu/gpu.h"

#include <faiss/gpu/StandardGpuResources.h>

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace clipdex::index {
namespace {

// Scratch memory of FAISS's, for distances that are selected from.
constexpr std::size_t kScratchBytes = std::size_t{512} << 20;
// Queries of one call: FAISS's scratch memory is in proportion.
constexpr std::size_t kQueriesPerCall = 64;

}  // namespace

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  // FAISS asks for the last error after its own calls, and must not find this one.
  static_cast<void>(cudaGetLastError());
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

Gpu::Gpu(const AcceleratorOptions& options) : options_(options) {
  thread_.run([this] {
    check(cudaSetDevice(options_.device), "the GPU cannot be used");
    resources_ = std::make_unique<faiss::gpu::StandardGpuResources>();
    resources_->setTempMemory(kScratchBytes);
    resources_->getResources()->initializeForDevice(options_.device);
    std::size_t free_now = 0, total = 0;
    check(cudaMemGetInfo(&free_now, &total), "the GPU's memory cannot be asked");
    bytes_max_ = options_.bytes_max.value_or(free_now / 2);
  });
}

Gpu::~Gpu() {
  thread_.run([this] {
    // FAISS ends the process where it cannot give back what it has.
    if (failed_) static_cast<void>(resources_.release());
    resources_.reset();
  });
}

void Gpu::fail(const std::string& reason) {
  if (failed_.exchange(true)) return;
  if (options_.on_failure) options_.on_failure(reason);
}

std::size_t Gpu::bytes_free() const {
  const std::size_t used = used_, most = bytes_max_;
  return used >= most ? 0 : most - used;
}

bool Gpu::reserve(std::size_t bytes) {
  if (used_.fetch_add(bytes) + bytes <= bytes_max_) return true;
  used_ -= bytes;
  return false;
}

void Gpu::attempt(const std::function<void()>& task) {
  if (failed_) throw std::runtime_error("the GPU has failed");
  try {
    task();
  } catch (const std::exception& error) {
    const std::string reason = error.what();
    if (const auto state = cudaDeviceSynchronize(); state != cudaSuccess) fail(reason + " (" + cudaGetErrorString(state) + ")");
    static_cast<void>(cudaGetLastError());
    throw std::runtime_error(reason);
  }
}

void Gpu::search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions, const Search& some) {
  const std::size_t dimension = n == 0 ? 0 : queries.size() / n;
  for (std::size_t begin = 0; begin < n; begin += kQueriesPerCall) {
    const std::size_t count = std::min(kQueriesPerCall, n - begin);
    run([&] {
      attempt([&] { some(queries.subspan(begin * dimension, count * dimension), count, scores + begin * k, positions + begin * k); });
    });
  }
}

}  // namespace clipdex::index
