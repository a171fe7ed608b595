#include "index/top_hits.h"

namespace clipdex::index {

void TopHits::prune() {
  if (hits_.size() <= limit_) return;
  if (limit_ == 0) return hits_.clear();
  const auto last = hits_.begin() + static_cast<std::ptrdiff_t>(limit_ - 1);
  std::nth_element(hits_.begin(), last, hits_.end(), better);
  worst_ = *last;
  hits_.resize(limit_);
}

void TopHits::append_to(std::vector<Hit>& hits) {
  prune();
  hits.insert(hits.end(), hits_.begin(), hits_.end());
}

}  // namespace clipdex::index
