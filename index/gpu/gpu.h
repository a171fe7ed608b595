// One GPU as the index uses it. Private to index/.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "index/accelerator.h"
#include "index/gpu/device_thread.h"

namespace faiss::gpu {
class StandardGpuResources;
}

namespace clipdex::index {

// FAISS selects no more at once.
inline constexpr std::size_t kSelectedMax = 2048;

// Throws std::runtime_error, with the cause, if it is one.
void check(cudaError_t error, const char* what);

// FAISS's own kernels instead of cuVS's, which a FAISS that has cuVS takes otherwise: their rounding is what our bounds are made for.
template <typename Options>
void without_cuvs(Options& options) {
  if constexpr (requires { options.use_cuvs; }) options.use_cuvs = false;
  if constexpr (requires { options.use_raft; }) options.use_raft = false;
}

// What all copies on one device share: its memory, FAISS's resources, the thread that talks to it, and whether it works still. Any thread
// may call it, but for what says otherwise.
class Gpu {
 public:
  // Throws std::runtime_error if the device cannot be used.
  explicit Gpu(const AcceleratorOptions& options);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const AcceleratorOptions& options() const { return options_; }
  bool failed() const { return failed_; }
  // Once: nothing is asked of the device any more.
  void fail(const std::string& reason);

  std::size_t bytes_free() const;
  // Of the memory that may be used; false: there is no room. What was reserved is to be released when it is free again.
  bool reserve(std::size_t bytes);
  void release(std::size_t bytes) { used_ -= bytes; }
  // Somebody else has memory that was thought to be free: what is reserved now is what there is.
  void limit_to_reserved() { bytes_max_ = used_.load(); }

  // On the device's thread, as DeviceThread does. Not to be called from there.
  template <typename Task>
  auto run(Task task) -> decltype(task()) {
    return thread_.run(std::move(task));
  }
  void post(std::function<void()> task) { thread_.post(std::move(task)); }
  // For the device's thread alone.
  faiss::gpu::StandardGpuResources* resources() { return resources_.get(); }

  // Does what uses FAISS, on the calling thread. What it throws is thrown as std::runtime_error: what cannot be done now (for want of
  // memory, say) is the caller's to do otherwise. What has become of the GPU is asked then: it may have failed.
  void attempt(const std::function<void()>& task);

  // A search of some of the queries.
  using Search = std::function<void(std::span<const float> queries, std::size_t n, float* scores, std::int64_t* positions)>;
  // Searches in parts, one after the other on the device's thread, as DeviceVectors::search(). queries: [n, dimension].
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions, const Search& some);

 private:
  const AcceleratorOptions options_;
  std::atomic<std::size_t> bytes_max_ = 0;
  std::atomic<std::size_t> used_ = 0;
  std::atomic<bool> failed_ = false;
  std::unique_ptr<faiss::gpu::StandardGpuResources> resources_;
  DeviceThread thread_;  // last: it ends first
};

}  // namespace clipdex::index
