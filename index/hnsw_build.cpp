// The building of HNSW graphs, by FAISS.
#include <faiss/IndexHNSW.h>
#include <faiss/impl/DistanceComputer.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "index/hnsw_graph.h"
#include "index/openmp_threads.h"

namespace clipdex::index {
namespace {

// The positions of all vectors but those that equal an earlier one; `copy` is told of these, with the earlier one.
template <typename Copy>
std::vector<std::uint32_t> distinct_vectors(const BuildInput& input, const Copy& copy) {
  std::vector<std::uint32_t> distinct;
  std::unordered_map<std::size_t, std::uint32_t> first_of;
  first_of.reserve(input.n);
  const std::size_t bytes = input.dimension * sizeof(float);
  for (std::size_t i = 0; i < input.n; ++i) {
    const float* vector = input.vectors + i * input.dimension;
    const auto hash = std::hash<std::string_view>()({reinterpret_cast<const char*>(vector), bytes});
    const auto position = static_cast<std::uint32_t>(i);
    const auto [found, inserted] = first_of.emplace(hash, position);
    if (!inserted && std::memcmp(vector, input.vectors + found->second * input.dimension, bytes) == 0) {
      copy(found->second, position);
    } else {
      distinct.push_back(position);
    }
  }
  return distinct;
}

// FAISS compares vectors through this: ours are where they are, and compared by our instructions. It numbers the distinct ones.
struct Distances : faiss::DistanceComputer {
  Distances(const BuildInput& input, const std::vector<std::uint32_t>& distinct_)
      : vectors(input.vectors), dimension(input.dimension), distinct(distinct_) {}

  // x: where vector i would be if all were distinct.
  void set_query(const float* x) override { query = row((x - vectors) / static_cast<std::ptrdiff_t>(dimension)); }
  float operator()(faiss::idx_t i) override { return inner_product(function, query, row(i), dimension); }
  float symmetric_dis(faiss::idx_t i, faiss::idx_t j) override { return inner_product(function, row(i), row(j), dimension); }
  // FAISS's name for the four results:
  void distances_batch_4(const faiss::idx_t i0, const faiss::idx_t i1, const faiss::idx_t i2, const faiss::idx_t i3, float& d0, float& d1,
                         float& d2, float& d3) override {
    const float* rows[4] = {row(i0), row(i1), row(i2), row(i3)};
    float scores[4];
    inner_products_of_query(function, query, rows, 4, dimension, scores);
    d0 = scores[0];
    d1 = scores[1];
    d2 = scores[2];
    d3 = scores[3];
  }

  const float* row(faiss::idx_t i) const { return vectors + distinct[static_cast<std::size_t>(i)] * dimension; }

  const float* vectors;
  std::size_t dimension;
  const std::vector<std::uint32_t>& distinct;
  const float* query = nullptr;
  InnerProductFunction function = inner_product_function();
};

// What FAISS believes to hold the vectors.
struct Storage : faiss::Index {
  Storage(const BuildInput& input_, const std::vector<std::uint32_t>& distinct_)
      : faiss::Index(static_cast<faiss::idx_t>(input_.dimension), faiss::METRIC_INNER_PRODUCT), input(input_), distinct(distinct_) {}

  void add(faiss::idx_t n, const float* /*x*/) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(faiss::idx_t /*n*/, const float* /*x*/, faiss::idx_t /*k*/, float* /*distances*/, faiss::idx_t* /*labels*/,
              const faiss::SearchParameters* /*params*/) const override {
    throw std::logic_error("the storage of a graph is not searched");
  }
  faiss::DistanceComputer* get_distance_computer() const override { return new Distances(input, distinct); }

  const BuildInput& input;
  const std::vector<std::uint32_t>& distinct;
};

}  // namespace

std::unique_ptr<const HnswGraph> HnswGraph::build(const BuildInput& input, const HnswParameters& parameters) {
  // FAISS numbers vectors by 32 bits.
  if (input.n == 0 || input.n > std::size_t{1} << 31U) throw std::invalid_argument("a graph is of 1 to 2^31 vectors");
  std::unique_ptr<HnswGraph> graph(new HnswGraph);
  graph->parameters_ = parameters;
  graph->walk_cost_ = input.thresholds.hnsw_walk_cost;
  graph->n_ = input.n;
  const auto distinct =
      distinct_vectors(input, [&](std::uint32_t first, std::uint32_t copy) { graph->copies_.push_back({.node = first, .copy = copy}); });
  std::stable_sort(graph->copies_.begin(), graph->copies_.end(), [](const Copy& a, const Copy& b) { return a.node < b.node; });

  Storage storage(input, distinct);
  faiss::IndexHNSW index(&storage, static_cast<int>(parameters.links));
  index.hnsw.efConstruction = static_cast<int>(parameters.candidates);
  const OpenMpThreads threads(input.threads);
  // A stop comes between two steps. A vector takes a thread some 1 ms, so that one of up to a million comes within about a second, and one
  // of many millions within seconds: FAISS prepares every step with about 20 ns for each vector of the whole graph.
  const std::size_t step =
      std::clamp<std::size_t>(distinct.size() / 1000, 1000, 4000) * static_cast<std::size_t>(std::max(input.threads, 1));
  for (std::size_t done = 0; done < distinct.size(); done += step) {
    if (input.stop.stop_requested()) return nullptr;
    index.add(static_cast<faiss::idx_t>(std::min(step, distinct.size() - done)), input.vectors + done * input.dimension);
  }
  graph->take_links(index.hnsw, distinct);
  return graph;
}

// FAISS's lists, with positions for its numbers.
void HnswGraph::take_links(const faiss::HNSW& built, const std::vector<std::uint32_t>& distinct) {
  const auto position = [&](std::int32_t i) { return i < 0 ? i : static_cast<std::int32_t>(distinct[static_cast<std::size_t>(i)]); };
  entry_ = static_cast<std::uint32_t>(position(built.entry_point));
  levels_.resize(n_);
  level_0_.assign(n_ * width(), -1);
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    const std::size_t node = distinct[i];
    levels_[node] = static_cast<std::uint8_t>(built.levels[i] - 1);
    const auto* lists = built.neighbors.data() + built.offsets[i];
    std::transform(lists, lists + width(), level_0_.data() + node * width(), position);
    std::transform(lists + width(), lists + width() + std::size_t{levels_[node]} * parameters_.links, std::back_inserter(upper_), position);
  }
  index_upper_levels();
}

}  // namespace clipdex::index
