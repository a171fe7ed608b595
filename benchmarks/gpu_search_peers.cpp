#include "benchmarks/gpu_search_peers.h"

#include <cuda_fp16.h>
#include <faiss/IndexIVF.h>
#include <faiss/gpu/GpuDistance.h>
#include <faiss/gpu/GpuIndexIVFPQ.h>
#include <faiss/gpu/StandardGpuResources.h>
#include <faiss/utils/distances.h>

#include <algorithm>

#include "benchmarks/device_memory.h"

namespace clipdex::benchmarks {
namespace {

constexpr std::size_t kDimension = SearchData::kDimension, kLimit = SearchData::kLimit;
constexpr std::size_t kRowsPerCopy = 65'536;

std::vector<__half> halves_of(std::span<const float> numbers) {
  std::vector<__half> halves(numbers.size());
  std::transform(numbers.begin(), numbers.end(), halves.begin(), [](float value) { return __float2half_rn(value); });
  return halves;
}

// positions: [n, k], best first; -1 where there are no more.
FoundRows rows_of(const std::vector<faiss::idx_t>& positions, std::size_t n, std::size_t k) {
  FoundRows found(n);
  for (std::size_t i = 0; i < n * k; ++i) {
    if (positions[i] >= 0) found[i / k].push_back(static_cast<std::uint64_t>(positions[i]));
  }
  return found;
}

}  // namespace

struct BareFlat::Impl {
  explicit Impl(std::size_t bytes) : vectors(bytes) {}
  mutable faiss::gpu::StandardGpuResources resources;
  DeviceMemory vectors;
  faiss::idx_t rows = 0;
  int device = 0;
};

BareFlat::BareFlat(const SearchData& data, int device) : impl_(std::make_unique<Impl>(data.rows() * kDimension * sizeof(__half))) {
  impl_->rows = static_cast<faiss::idx_t>(data.rows());
  impl_->device = device;
  for (std::size_t first = 0; first < data.rows(); first += kRowsPerCopy) {
    const std::size_t count = std::min(kRowsPerCopy, data.rows() - first);
    const auto halves = halves_of(data.vectors().subspan(first * kDimension, count * kDimension));
    impl_->vectors.put(first * kDimension * sizeof(__half), halves.data(), halves.size() * sizeof(__half));
  }
}

BareFlat::~BareFlat() = default;

FoundRows BareFlat::search(std::span<const float> queries, std::size_t n) const {
  const auto halves = halves_of(queries);
  std::vector<float> scores(n * kLimit);
  std::vector<faiss::idx_t> positions(n * kLimit);
  faiss::gpu::GpuDistanceParams parameters;
  parameters.metric = faiss::METRIC_INNER_PRODUCT;
  parameters.k = static_cast<int>(kLimit);
  parameters.dims = static_cast<int>(kDimension);
  parameters.vectors = impl_->vectors.get();
  parameters.vectorType = parameters.queryType = faiss::gpu::DistanceDataType::F16;
  parameters.numVectors = impl_->rows;
  parameters.queries = halves.data();
  parameters.numQueries = static_cast<faiss::idx_t>(n);
  parameters.outDistances = scores.data();
  parameters.outIndices = positions.data();
  parameters.device = impl_->device;
  faiss::gpu::bfKnn(&impl_->resources, parameters);
  return rows_of(positions, n, kLimit);
}

struct BareLists::Impl {
  Impl(const SearchData& its_data, std::size_t lists, std::size_t codes, const faiss::gpu::GpuIndexIVFPQConfig& config)
      : data(its_data),
        index(&resources, static_cast<int>(kDimension), static_cast<faiss::idx_t>(lists), static_cast<faiss::idx_t>(codes),
              /*bitsPerCode=*/8, faiss::METRIC_INNER_PRODUCT, config) {}

  // The positions of the k best by their codes: [n, k].
  std::vector<faiss::idx_t> nearest(std::span<const float> queries, std::size_t n, std::size_t k, std::size_t probes) const {
    faiss::SearchParametersIVF parameters;
    parameters.nprobe = probes;
    std::vector<float> scores(n * k);
    std::vector<faiss::idx_t> positions(n * k);
    index.search(static_cast<faiss::idx_t>(n), queries.data(), static_cast<faiss::idx_t>(k), scores.data(), positions.data(), &parameters);
    return positions;
  }

  const SearchData& data;
  faiss::gpu::StandardGpuResources resources;
  faiss::gpu::GpuIndexIVFPQ index;
};

BareLists::BareLists(const SearchData& data, int device, std::size_t lists, std::size_t codes) {
  faiss::gpu::GpuIndexIVFPQConfig config;
  config.device = device;
  config.indicesOptions = faiss::gpu::INDICES_32_BIT;
  // So many codes have no room in fp32.
  config.useFloat16LookupTables = true;
  impl_ = std::make_unique<Impl>(data, lists, codes, config);
  const auto rows = static_cast<faiss::idx_t>(data.rows());
  impl_->index.train(rows, data.vectors().data());
  impl_->index.add(rows, data.vectors().data());
}

BareLists::~BareLists() = default;

FoundRows BareLists::search(std::span<const float> queries, std::size_t n, std::size_t probes) const {
  return rows_of(impl_->nearest(queries, n, kLimit, probes), n, kLimit);
}

FoundRows BareLists::search_refined(std::span<const float> queries, std::size_t n, std::size_t probes, std::size_t refined) const {
  const auto positions = impl_->nearest(queries, n, refined, probes);
  std::vector<float> scores(n * refined);
  faiss::fvec_inner_products_by_idx(scores.data(), queries.data(), impl_->data.vectors().data(), positions.data(), kDimension, n, refined);
  FoundRows found(n);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < n; ++i) {
    const auto* const its_positions = positions.data() + i * refined;
    const auto* const its_scores = scores.data() + i * refined;
    order.clear();
    for (std::size_t j = 0; j < refined; ++j) {
      if (its_positions[j] >= 0) order.push_back(j);
    }
    const std::size_t wanted = std::min(kLimit, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted), order.end(),
                      [&](std::size_t a, std::size_t b) { return its_scores[a] > its_scores[b]; });
    for (std::size_t j = 0; j < wanted; ++j) found[i].push_back(static_cast<std::uint64_t>(its_positions[order[j]]));
  }
  return found;
}

}  // namespace clipdex::benchmarks
