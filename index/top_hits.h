// The best rows of those that a search looks at. Private to index/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "index/vector_index.h"

namespace clipdex::index {

// Keeps at least the best `limit` hits and all that tie with the last of them. For one thread.
class TopHits {
 public:
  explicit TopHits(std::size_t limit) : limit_(limit) {}

  // Whether a hit of this score would be kept; never, if it is not a number.
  bool accepts(float score) const { return score >= threshold_; }

  void add(const Hit& hit) {
    if (!accepts(hit.score)) return;
    hits_.push_back(hit);
    if (hits_.size() >= full_) prune();
  }

  void add(const TopHits& other) {
    for (const auto& hit : other.hits_) add(hit);
  }

  // Appends what is left when all that is worse than the last of the best is dropped.
  void append_to(std::vector<Hit>& hits);

 private:
  void prune();

  std::size_t limit_;
  std::size_t full_ = std::max<std::size_t>(2 * limit_, limit_ + 32);  // pruning takes time in proportion: rarely
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Hit> hits_;
};

}  // namespace clipdex::index
