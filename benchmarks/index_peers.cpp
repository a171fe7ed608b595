// Compiled for the machine at hand, since hnswlib chooses its instructions when it is compiled.
#include "benchmarks/index_peers.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <omp.h>

#if defined(CLIPDEX_HNSWLIB)
#include <hnswlib/hnswlib.h>
#endif

namespace clipdex::benchmarks {
namespace {

#if defined(CLIPDEX_HNSWLIB)
struct Hnswlib : IndexPeer {
  Hnswlib(const float* rows, std::size_t n, std::size_t dimension, std::size_t links, std::size_t candidates, int threads)
      : space(dimension), graph(&space, n, links, candidates) {
    graph.addPoint(rows, 0);
#pragma omp parallel for schedule(dynamic, 64) num_threads(threads)
    for (std::size_t i = 1; i < n; ++i) graph.addPoint(rows + i * dimension, i);
  }
  void set_candidates(std::size_t candidates) override { graph.setEf(candidates); }
  void search(const float* query, std::size_t limit, std::vector<std::uint64_t>& found) const override {
    found.clear();
    for (auto queue = graph.searchKnn(query, limit); !queue.empty(); queue.pop()) found.push_back(queue.top().second);
  }
  hnswlib::InnerProductSpace space;
  hnswlib::HierarchicalNSW<float> graph;
};
#endif

template <typename Index>
struct FaissPeer : IndexPeer {
  template <typename... Arguments>
  explicit FaissPeer(Arguments... arguments) : index(arguments...) {}

  void search(const float* query, std::size_t limit, std::vector<std::uint64_t>& found) const override {
    omp_set_num_threads(1);  // one query is one thread's work: a team for it costs more than it brings
    std::vector<float> scores(limit);
    std::vector<faiss::idx_t> positions(limit);
    index.search(1, query, static_cast<faiss::idx_t>(limit), scores.data(), positions.data());
    found.assign(positions.begin(), positions.end());
  }
  Index index;
};

struct FaissHnsw : FaissPeer<faiss::IndexHNSWFlat> {
  using FaissPeer::FaissPeer;
  void set_candidates(std::size_t candidates) override { index.hnsw.efSearch = static_cast<int>(candidates); }
};

struct FaissFlat : FaissPeer<faiss::IndexFlatIP> {
  using FaissPeer::FaissPeer;
  void set_candidates(std::size_t /*candidates*/) override {}
};

}  // namespace

#if defined(CLIPDEX_HNSWLIB)
std::unique_ptr<IndexPeer> make_hnswlib(const float* rows, std::size_t n, std::size_t dimension, std::size_t links, std::size_t candidates,
                                        int threads) {
  return std::make_unique<Hnswlib>(rows, n, dimension, links, candidates, threads);
}
#else
std::unique_ptr<IndexPeer> make_hnswlib(const float*, std::size_t, std::size_t, std::size_t, std::size_t, int) { return nullptr; }
#endif

std::unique_ptr<IndexPeer> make_faiss_hnsw(const float* rows, std::size_t n, std::size_t dimension, std::size_t links,
                                           std::size_t candidates) {
  auto peer = std::make_unique<FaissHnsw>(static_cast<int>(dimension), static_cast<int>(links), faiss::METRIC_INNER_PRODUCT);
  peer->index.hnsw.efConstruction = static_cast<int>(candidates);
  peer->index.add(static_cast<faiss::idx_t>(n), rows);
  return peer;
}

std::unique_ptr<IndexPeer> make_faiss_flat(const float* rows, std::size_t n, std::size_t dimension) {
  auto peer = std::make_unique<FaissFlat>(static_cast<faiss::idx_t>(dimension));
  peer->index.add(static_cast<faiss::idx_t>(n), rows);
  return peer;
}

}  // namespace clipdex::benchmarks
