#include "index/approximation.h"

#include <stdexcept>

#include "index/hnsw_graph.h"
#include "index/ivf_pq.h"

namespace clipdex::index {
namespace {

[[noreturn]] void refuse(std::string_view type) {
  throw std::invalid_argument("there is no approximate structure called " + std::string(type) + ": they are hnsw and ivf_pq");
}

}  // namespace

std::unique_ptr<const Approximation> build_approximation(std::string_view type, const BuildInput& input) {
  if (type == kHnsw) return HnswGraph::build(input);
  if (type == kIvfPq) return IvfPq::build(input);
  refuse(type);
}

std::unique_ptr<const Approximation> read_approximation(std::string_view type, std::span<const std::byte> bytes, std::size_t n,
                                                        std::size_t dimension, const ScanThresholds& thresholds) {
  if (type == kHnsw) return HnswGraph::read(bytes, n, thresholds);
  if (type == kIvfPq) return IvfPq::read(bytes, n, dimension);
  refuse(type);
}

std::size_t expected_memory_bytes(std::string_view type, std::size_t n, std::size_t dimension, const ScanThresholds& thresholds) {
  if (type == kHnsw) return HnswGraph::expected_memory_bytes(n);
  if (type == kIvfPq) return IvfPq::expected_memory_bytes(n, dimension, thresholds);
  refuse(type);
}

}  // namespace clipdex::index
