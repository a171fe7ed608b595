#include "engine/classifier_cache.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace clipdex::engine {

std::shared_ptr<const LabelClassifier> ClassifierCache::get(const ClipEncoder& encoder, const LabelSet& set) {
  std::promise<Made> promise;
  std::list<Making>::iterator mine;
  {
    std::unique_lock lock(mutex_);
    if (auto found = find(set)) return found;
    const auto other = std::find_if(making_.begin(), making_.end(), [&](const auto& making) { return making.set == set; });
    if (other != making_.end()) {
      const auto made = other->made;
      lock.unlock();
      return made.get();
    }
    mine = making_.insert(making_.end(), {.set = set, .made = promise.get_future().share()});
  }
  // Whoever waits gets what came of it, an error too; whoever comes later tries again.
  try {
    auto made = std::make_shared<const LabelClassifier>(encoder, set);
    const std::lock_guard lock(mutex_);
    keep(made);
    making_.erase(mine);
    promise.set_value(made);
    return made;
  } catch (...) {
    const std::lock_guard lock(mutex_);
    making_.erase(mine);
    promise.set_exception(std::current_exception());
    throw;
  }
}

std::size_t ClassifierCache::count() const {
  const std::lock_guard lock(mutex_);
  return used_.size();
}

// Sets are compared text by text, so that no crafted set can pass for another one. Unlike ones mostly differ in their number or their
// first texts, and a set's bytes bound how many are kept: a few hundred comparisons are nothing beside decoding a picture.
std::shared_ptr<const LabelClassifier> ClassifierCache::find(const LabelSet& set) {
  const auto found = std::find_if(used_.begin(), used_.end(), [&](const auto& kept) { return kept->set() == set; });
  if (found == used_.end()) return nullptr;
  used_.splice(used_.begin(), used_, found);
  return used_.front();
}

void ClassifierCache::keep(std::shared_ptr<const LabelClassifier> classifier) {
  constexpr std::size_t kCountMax = 256;
  const std::size_t bytes = classifier->memory_bytes();
  if (bytes > bytes_max_) return;
  used_.push_front(std::move(classifier));
  bytes_ += bytes;
  while (bytes_ > bytes_max_ || used_.size() > kCountMax) {
    bytes_ -= used_.back()->memory_bytes();
    used_.pop_back();
  }
}

}  // namespace clipdex::engine
