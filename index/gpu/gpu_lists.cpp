#include "index/gpu/gpu_lists.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/gpu/GpuIndexIVFPQ.h>
#include <faiss/gpu/StandardGpuResources.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace clipdex::index {
namespace {

// Codes of a vector that FAISS has kernels for (gpu/impl/IVFPQ.cu). With tables of fp16 all of them have the shared memory they need.
constexpr std::array<std::size_t, 16> kCodesPerVector{1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96};
// What the device's memory is given out in.
constexpr std::size_t kAllocationBytes = 512;

std::size_t allocated(std::size_t bytes) { return (bytes + kAllocationBytes - 1) / kAllocationBytes * kAllocationBytes; }

// The lists as FAISS reads them, without a copy of the codes. For one thread; ids are valid until those of another list are asked for.
class ListsToCopy : public faiss::ReadOnlyInvertedLists {
 public:
  explicit ListsToCopy(const QuantizedLists& lists) : faiss::ReadOnlyInvertedLists(lists.lists(), lists.codes_per_vector), lists_(lists) {}

  std::size_t list_size(std::size_t list) const override { return lists_.list_starts[list + 1] - lists_.list_starts[list]; }
  const std::uint8_t* get_codes(std::size_t list) const override {
    return lists_.codes.data() + lists_.list_starts[list] * lists_.codes_per_vector;
  }
  const faiss::idx_t* get_ids(std::size_t list) const override {
    const auto positions = lists_.positions.subspan(lists_.list_starts[list], list_size(list));
    ids_.assign(positions.begin(), positions.end());
    return ids_.data();
  }

 private:
  const QuantizedLists& lists_;
  mutable std::vector<faiss::idx_t> ids_;
};

// Ours: [dimension, codes]; FAISS's: [parts, codes, part].
void copy_code_centroids(const QuantizedLists& lists, faiss::ProductQuantizer& quantizer) {
  const std::size_t part = lists.dimension / lists.codes_per_vector;
  for (std::size_t i = 0; i < lists.dimension; ++i) {
    for (std::size_t code = 0; code < QuantizedLists::kCodes; ++code)
      quantizer.get_centroids(i / part, code)[i % part] = lists.code_centroids[i * QuantizedLists::kCodes + code];
  }
}

// On the device's thread.
std::unique_ptr<faiss::gpu::GpuIndexIVFPQ> copied(Gpu& gpu, const faiss::IndexIVFPQ& lists) {
  faiss::gpu::GpuIndexIVFPQConfig config;
  config.device = gpu.options().device;
  config.indicesOptions = faiss::gpu::INDICES_32_BIT;
  config.useFloat16LookupTables = true;
  // cuVS has a layout of its own, which copyFrom() would have to convert to. (The centroids are copied with FAISS's own options.)
  without_cuvs(config);
  auto index = std::make_unique<faiss::gpu::GpuIndexIVFPQ>(gpu.resources(), &lists, config);
  // The last of it may still be on its way, and what it is copied from goes.
  gpu.resources()->syncDefaultStreamCurrentDevice();
  return index;
}

// Of the calling thread's device; 0 where it does not answer.
std::size_t free_memory() {
  std::size_t free = 0, total = 0;
  const bool known = cudaMemGetInfo(&free, &total) == cudaSuccess;
  if (!known) static_cast<void>(cudaGetLastError());
  return known ? free : 0;
}

}  // namespace

std::optional<std::size_t> GpuLists::bytes_for(const QuantizedLists& lists) {
  if (std::find(kCodesPerVector.begin(), kCodesPerVector.end(), lists.codes_per_vector) == kCodesPerVector.end()) return std::nullopt;
  // The centroids with their norms and three arrays that have an element for each list; the codes' centroids in two orders.
  std::size_t bytes = lists.lists() * (lists.dimension * sizeof(float) + sizeof(float) + 3 * sizeof(void*)) +
                      2 * lists.dimension * QuantizedLists::kCodes * sizeof(float);
  for (std::size_t list = 0; list < lists.lists(); ++list) {
    const std::size_t n = lists.list_starts[list + 1] - lists.list_starts[list];
    bytes += allocated(n * lists.codes_per_vector) + allocated(n * sizeof(std::int32_t));
  }
  return bytes;
}

std::shared_ptr<const GpuLists> GpuLists::make(const std::shared_ptr<Gpu>& gpu, const QuantizedLists& lists, const std::stop_token& stop) {
  const auto bytes = bytes_for(lists);
  if (!bytes || lists.n == 0 || gpu->failed() || stop.stop_requested() || !gpu->reserve(*bytes)) return nullptr;
  std::unique_ptr<faiss::gpu::GpuIndexIVFPQ> index;
  try {
    faiss::IndexFlatIP centroids(static_cast<faiss::idx_t>(lists.dimension));
    centroids.add(static_cast<faiss::idx_t>(lists.lists()), lists.centroids.data());
    ListsToCopy to_copy(lists);
    faiss::IndexIVFPQ here(&centroids, lists.dimension, lists.lists(), lists.codes_per_vector, /*nbits_per_idx=*/8,
                           faiss::METRIC_INNER_PRODUCT);
    copy_code_centroids(lists, here.pq);
    here.replace_invlists(&to_copy, /*own=*/false);
    here.by_residual = true;
    here.is_trained = true;
    here.ntotal = static_cast<faiss::idx_t>(lists.n);
    here.nprobe = std::clamp<std::size_t>(lists.probes, 1, kSelectedMax);
    gpu->run([&] { gpu->attempt([&] { index = copied(*gpu, here); }); });
  } catch (const std::exception&) {
    // If the GPU has failed, it has told why.
    gpu->release(*bytes);
    if (gpu->run([] { return free_memory(); }) < *bytes) gpu->limit_to_reserved();
    return nullptr;
  }
  return std::make_shared<GpuLists>(gpu, std::move(index), lists, *bytes);
}

GpuLists::GpuLists(std::shared_ptr<Gpu> gpu, std::unique_ptr<faiss::gpu::GpuIndexIVFPQ> index, const QuantizedLists& lists,
                   std::size_t bytes)
    : gpu_(std::move(gpu)), index_(std::move(index)), n_(lists.n), lists_(lists.lists()), probes_(lists.probes), bytes_(bytes) {}

GpuLists::~GpuLists() {
  gpu_->post([gpu = gpu_.get(), index = index_.release(), bytes = bytes_] {
    // FAISS ends the process where it cannot give back what it has.
    if (!gpu->failed()) delete index;
    gpu->release(bytes);
  });
}

void GpuLists::search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const {
  faiss::SearchParametersIVF parameters;
  parameters.nprobe = std::clamp<std::size_t>(probes_for(k, probes_, n_, lists_), 1, kSelectedMax);
  gpu_->search(
      queries, n, k, scores, positions, [&](std::span<const float> some, std::size_t count, float* some_scores, std::int64_t* found) {
        index_->search(static_cast<faiss::idx_t>(count), some.data(), static_cast<faiss::idx_t>(k), some_scores, found, &parameters);
      });
}

}  // namespace clipdex::index
