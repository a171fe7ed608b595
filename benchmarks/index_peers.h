// What index_bench compares with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace clipdex::benchmarks {

class GraphPeer {
 public:
  virtual ~GraphPeer() = default;
  // Searches one query with `candidates` (efSearch) on the calling thread; positions of the best `limit` in any order.
  virtual void search(const float* query, std::size_t limit, std::size_t candidates, std::vector<std::uint64_t>& found) = 0;
};

// hnswlib's graph over rows [n, dimension], built by `threads` threads; nullptr if this program was built without hnswlib.
std::unique_ptr<GraphPeer> make_hnswlib(const float* rows, std::size_t n, std::size_t dimension, std::size_t links, std::size_t candidates,
                                        int threads);

}  // namespace clipdex::benchmarks
