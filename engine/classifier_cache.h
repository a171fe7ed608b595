// Label sets that were used lately, encoded: a stream of pictures with the same labels costs the pictures alone.
#pragma once

#include <cstddef>
#include <future>
#include <list>
#include <memory>
#include <mutex>

#include "engine/classification.h"

namespace clipdex::engine {

// Any thread may call it. Of threads that ask at once for a set that is not there, one encodes it and the others wait for that.
class ClassifierCache {
 public:
  // bytes_max: of the classifiers kept; what alone is larger is made and not kept.
  explicit ClassifierCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Throws as LabelClassifier does. It stays valid for as long as the caller holds it.
  std::shared_ptr<const LabelClassifier> get(const ClipEncoder& encoder, const LabelSet& set);

  std::size_t count() const;

 private:
  // With mutex_ held:
  std::shared_ptr<const LabelClassifier> find(const LabelSet& set);
  void keep(std::shared_ptr<const LabelClassifier> classifier);

  using Made = std::shared_ptr<const LabelClassifier>;
  struct Making {
    LabelSet set;
    std::shared_future<Made> made;
  };

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::list<std::shared_ptr<const LabelClassifier>> used_;  // the latest first
  std::size_t bytes_ = 0;
  std::list<Making> making_;
};

}  // namespace clipdex::engine
