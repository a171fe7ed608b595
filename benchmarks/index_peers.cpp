// Compiled for the machine at hand, since hnswlib chooses its instructions when it is compiled.
#include "benchmarks/index_peers.h"

#if defined(CLIPDEX_HNSWLIB)
#include <hnswlib/hnswlib.h>

namespace clipdex::benchmarks {
namespace {

struct Hnswlib : GraphPeer {
  Hnswlib(const float* rows, std::size_t n, std::size_t dimension, std::size_t links, std::size_t candidates, int threads)
      : space(dimension), graph(&space, n, links, candidates) {
    graph.addPoint(rows, 0);
#pragma omp parallel for schedule(dynamic, 64) num_threads(threads)
    for (std::size_t i = 1; i < n; ++i) graph.addPoint(rows + i * dimension, i);
  }
  void search(const float* query, std::size_t limit, std::size_t candidates, std::vector<std::uint64_t>& found) override {
    graph.setEf(candidates);
    found.clear();
    for (auto queue = graph.searchKnn(query, limit); !queue.empty(); queue.pop()) found.push_back(queue.top().second);
  }
  hnswlib::InnerProductSpace space;
  hnswlib::HierarchicalNSW<float> graph;
};

}  // namespace

std::unique_ptr<GraphPeer> make_hnswlib(const float* rows, std::size_t n, std::size_t dimension, std::size_t links, std::size_t candidates,
                                        int threads) {
  return std::make_unique<Hnswlib>(rows, n, dimension, links, candidates, threads);
}

}  // namespace clipdex::benchmarks
#else
namespace clipdex::benchmarks {
std::unique_ptr<GraphPeer> make_hnswlib(const float*, std::size_t, std::size_t, std::size_t, std::size_t, int) { return nullptr; }
}  // namespace clipdex::benchmarks
#endif
