// What index_bench and engine_bench compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace clipdex::benchmarks {

class IndexPeer {
 public:
  virtual ~IndexPeer() = default;
  // efSearch of the searches that follow; ignored by what has no graph. While no search is under way.
  virtual void set_candidates(std::size_t candidates) = 0;
  // Searches one query on the calling thread, of which there may be many; positions of the best `limit` in any order.
  virtual void search(const float* query, std::size_t limit, std::vector<std::uint64_t>& found) const = 0;
};

// hnswlib's graph over rows [n, dimension], built by `threads` threads; nullptr if this program was built without hnswlib.
std::unique_ptr<IndexPeer> make_hnswlib(const float* rows, std::size_t n, std::size_t dimension, std::size_t links, std::size_t candidates,
                                        int threads);
// FAISS's IndexHNSWFlat and IndexFlatIP over copies of the rows, built by as many threads as the caller's OpenMP regions have.
std::unique_ptr<IndexPeer> make_faiss_hnsw(const float* rows, std::size_t n, std::size_t dimension, std::size_t links,
                                           std::size_t candidates);
std::unique_ptr<IndexPeer> make_faiss_flat(const float* rows, std::size_t n, std::size_t dimension);

}  // namespace clipdex::benchmarks
