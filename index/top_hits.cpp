#include "index/top_hits.h"

namespace clipdex::index {

void TopHits::prune() {
  if (hits_.size() <= limit_) return;
  if (limit_ == 0) return hits_.clear();
  const auto last = hits_.begin() + static_cast<std::ptrdiff_t>(limit_ - 1);
  std::nth_element(hits_.begin(), last, hits_.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  threshold_ = last->score;
  std::erase_if(hits_, [this](const Hit& hit) { return hit.score < threshold_; });
  // Many ties: all of them stay, and are not looked through again before there are twice as many.
  full_ = std::max(full_, 2 * hits_.size());
}

void TopHits::append_to(std::vector<Hit>& hits) {
  prune();
  hits.insert(hits.end(), hits_.begin(), hits_.end());
}

}  // namespace clipdex::index
