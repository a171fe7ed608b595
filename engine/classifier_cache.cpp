#include "engine/classifier_cache.h"

#include <algorithm>
#include <utility>

namespace clipdex::engine {

std::shared_ptr<const LabelClassifier> ClassifierCache::get(const ClipEncoder& encoder, const LabelSet& set) {
  if (auto found = find(set)) return found;
  auto made = std::make_shared<const LabelClassifier>(encoder, set);
  keep(made);
  return made;
}

std::size_t ClassifierCache::count() const {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

// Sets are compared text by text, so that no crafted set can pass for another one. Unlike ones mostly differ in their number or their
// first texts, and a set's bytes bound how many are kept: a few hundred comparisons are nothing beside decoding a picture.
std::shared_ptr<const LabelClassifier> ClassifierCache::find(const LabelSet& set) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(used_.begin(), used_.end(), [&](const auto& kept) { return kept->set() == set; });
  if (found == used_.end()) return nullptr;
  used_.splice(used_.begin(), used_, found);
  return used_.front();
}

void ClassifierCache::keep(std::shared_ptr<const LabelClassifier> classifier) {
  constexpr std::size_t kCountMax = 256;
  const std::size_t bytes = classifier->memory_bytes();
  if (bytes > bytes_max_) return;
  const std::lock_guard lock(mutex_);
  // Another thread may have brought the same.
  if (std::any_of(used_.begin(), used_.end(), [&](const auto& kept) { return kept->set() == classifier->set(); })) return;
  used_.push_front(std::move(classifier));
  bytes_ += bytes;
  while (bytes_ > bytes_max_ || used_.size() > kCountMax) {
    bytes_ -= used_.back()->memory_bytes();
    used_.pop_back();
  }
}

}  // namespace clipdex::engine
