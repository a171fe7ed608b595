// The building of HNSW graphs, by FAISS.
#include <faiss/IndexHNSW.h>
#include <faiss/impl/DistanceComputer.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>

#include "index/hnsw_graph.h"
#include "index/openmp_threads.h"

namespace clipdex::index {
namespace {

// FAISS compares vectors through this: ours are where they are, and compared by our instructions.
struct Distances : faiss::DistanceComputer {
  Distances(const float* vectors_, std::size_t dimension_) : vectors(vectors_), dimension(dimension_) {}

  void set_query(const float* x) override { query = x; }
  float operator()(faiss::idx_t i) override { return inner_product(function, query, row(i), dimension); }
  float symmetric_dis(faiss::idx_t i, faiss::idx_t j) override { return inner_product(function, row(i), row(j), dimension); }
  // FAISS's name for the four results:
  void distances_batch_4(const faiss::idx_t i0, const faiss::idx_t i1, const faiss::idx_t i2, const faiss::idx_t i3, float& d0, float& d1,
                         float& d2, float& d3) override {
    const float* rows[4] = {row(i0), row(i1), row(i2), row(i3)};
    float scores[4];
    function({.queries = query, .rows = rows, .n_rows = 4, .dimension = dimension, .scores = scores, .stride = 4});
    d0 = scores[0];
    d1 = scores[1];
    d2 = scores[2];
    d3 = scores[3];
  }

  const float* row(faiss::idx_t i) const { return vectors + static_cast<std::size_t>(i) * dimension; }

  const float* vectors;
  std::size_t dimension;
  const float* query = nullptr;
  InnerProductFunction function = inner_product_function();
};

// What FAISS believes to hold the vectors.
struct Storage : faiss::Index {
  explicit Storage(const BuildInput& input_)
      : faiss::Index(static_cast<faiss::idx_t>(input_.dimension), faiss::METRIC_INNER_PRODUCT), input(input_) {}

  void add(faiss::idx_t n, const float* /*x*/) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(faiss::idx_t /*n*/, const float* /*x*/, faiss::idx_t /*k*/, float* /*distances*/, faiss::idx_t* /*labels*/,
              const faiss::SearchParameters* /*params*/) const override {
    throw std::logic_error("the storage of a graph is not searched");
  }
  faiss::DistanceComputer* get_distance_computer() const override { return new Distances(input.vectors, input.dimension); }

  const BuildInput& input;
};

}  // namespace

std::unique_ptr<const HnswGraph> HnswGraph::build(const BuildInput& input, const HnswParameters& parameters) {
  // FAISS numbers vectors by 32 bits.
  if (input.n == 0 || input.n > std::size_t{1} << 31U) throw std::invalid_argument("a graph is of 1 to 2^31 vectors");
  Storage storage(input);
  faiss::IndexHNSW index(&storage, static_cast<int>(parameters.links));
  index.hnsw.efConstruction = static_cast<int>(parameters.candidates);
  const OpenMpThreads threads(input.threads);
  // Small enough to stop between two within seconds, and large enough that FAISS's preparations for each do not count.
  const std::size_t step = std::max<std::size_t>(2000, input.n / 200);
  for (std::size_t done = 0; done < input.n; done += step) {
    if (input.stop.stop_requested()) return nullptr;
    index.add(static_cast<faiss::idx_t>(std::min(step, input.n - done)), input.vectors + done * input.dimension);
  }

  const faiss::HNSW& built = index.hnsw;
  std::unique_ptr<HnswGraph> graph(new HnswGraph);
  graph->parameters_ = parameters;
  graph->n_ = input.n;
  graph->entry_ = static_cast<std::uint32_t>(built.entry_point);
  graph->levels_.resize(input.n);
  graph->level_0_.resize(input.n * graph->width());
  for (std::size_t i = 0; i < input.n; ++i) {
    graph->levels_[i] = static_cast<std::uint8_t>(built.levels[i] - 1);
    const auto* lists = built.neighbors.data() + built.offsets[i];
    std::copy_n(lists, graph->width(), graph->level_0_.data() + i * graph->width());
    graph->upper_.insert(graph->upper_.end(), lists + graph->width(),
                         lists + graph->width() + std::size_t{graph->levels_[i]} * parameters.links);
  }
  graph->index_upper_levels();
  return graph;
}

}  // namespace clipdex::index
