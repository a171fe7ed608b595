// A hierarchical navigable small world graph (Malkov and Yashunin, arXiv:1603.09320) over a segment's vectors. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/approximation.h"
#include "index/inner_product.h"
#include "index/row_filter.h"
#include "index/scratch_pool.h"

namespace faiss {
struct HNSW;
}

namespace clipdex::index {

struct HnswParameters {
  // M of the paper: links of a vector on each upper level, and half of those on the lowest.
  std::uint32_t links = 16;
  std::uint32_t candidates = 100;  // efConstruction
};

// The graph alone: the links of every vector by level, as FAISS builds them (faiss/impl/HNSW.h), in arrays that a search walks quickly.
class HnswGraph : public Approximation {
 public:
  // nullptr: it was stopped.
  static std::unique_ptr<const HnswGraph> build(const BuildInput& input, const HnswParameters& parameters = {});
  // As read_approximation().
  static std::unique_ptr<const HnswGraph> read(std::span<const std::byte> bytes, std::size_t n, const ScanThresholds& thresholds);
  static std::size_t expected_memory_bytes(std::size_t n);

  std::string_view type() const override { return kHnsw; }
  std::string parameters() const override;
  std::size_t memory_bytes() const override;
  void search(const ScanInput& segment, std::span<const float> queries, std::size_t n, std::size_t limit, std::size_t effort,
              std::vector<std::vector<Hit>>& hits) const override;
  void write(std::ostream& out) const override;

 private:
  struct Scored {
    float score;
    std::uint32_t node;
  };
  // As better() of hits: rows ascend with the nodes.
  static bool better(const Scored& a, const Scored& b) { return a.score != b.score ? a.score > b.score : a.node < b.node; }
  // Equal vectors are linked once: links among copies would take the place of all that lead elsewhere.
  struct Copy {
    std::uint32_t node;
    std::uint32_t copy;
  };
  struct Scratch;
  struct Query;

  HnswGraph();

  std::size_t width() const { return 2 * std::size_t{parameters_.links}; }
  const std::int32_t* links(std::size_t node, std::size_t level) const {
    return level == 0 ? level_0_.data() + node * width() : upper_.data() + (upper_start_[node] + level - 1) * parameters_.links;
  }
  // Where the lists of each vector's upper levels start.
  void index_upper_levels();
  // Of a vector that is linked: those that equal it.
  std::span<const Copy> copies_of(std::uint32_t node) const;
  void check_links() const;
  void take_links(const faiss::HNSW& built, const std::vector<std::uint32_t>& distinct);

  Scored descend(const Query& query, Scratch& scratch) const;
  bool walk(const Query& query, Scored start, Scratch& scratch) const;
  bool search_one(const Query& query, std::vector<Hit>& hits) const;

  HnswParameters parameters_;
  double walk_cost_ = ScanThresholds{}.hnsw_walk_cost;
  std::size_t n_ = 0;
  std::uint32_t entry_ = 0;            // a vector of the highest level
  std::vector<std::uint8_t> levels_;   // the highest level of each vector, 0 for most
  std::vector<std::int32_t> level_0_;  // [n, 2 * links]; -1 ends a list that is not full
  std::vector<std::int32_t> upper_;    // [sum of levels, links]: vector by vector, from level 1 up
  std::vector<Copy> copies_;           // by node; a copy has no links and is in no list
  std::vector<std::uint32_t> upper_start_;
  InnerProductFunction inner_products_ = inner_product_function();
  std::unique_ptr<ScratchPool<Scratch>> pool_;

 public:
  ~HnswGraph() override;
};

}  // namespace clipdex::index
