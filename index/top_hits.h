// The best rows of those that a search looks at. Private to index/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "index/snapshot.h"

namespace clipdex::index {

// The order of hits: by descending score, and by ascending row where scores are equal. So the best of a set are the same ones whatever
// order they are met in, and pages of them neither repeat nor lose a row.
inline bool better(const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.row < b.row; }

// Keeps the best `limit` hits, and never many more, however many are equally good. A hit whose score is not a number is none. For one
// thread.
class TopHits {
 public:
  explicit TopHits(std::size_t limit) : limit_(limit) {}

  // False: no hit of this score would be kept. Quicker to ask than to add one.
  bool accepts(float score) const { return score >= worst_.score; }

  void add(const Hit& hit) {
    if (!better(hit, worst_)) return;
    hits_.push_back(hit);
    if (hits_.size() >= full_) prune();
  }

  void add(const TopHits& other) {
    for (const auto& hit : other.hits_) add(hit);
  }

  // Appends the best, `limit` of them if there were so many, in no order.
  void append_to(std::vector<Hit>& hits);

 private:
  void prune();

  std::size_t limit_;
  std::size_t full_ = std::max<std::size_t>(2 * limit_, limit_ + 32);  // pruning takes time in proportion: rarely
  // What a hit must be better than: the worst of the best, once there were enough.
  Hit worst_{.row = std::numeric_limits<std::uint64_t>::max(), .score = -std::numeric_limits<float>::infinity()};
  std::vector<Hit> hits_;
};

}  // namespace clipdex::index
