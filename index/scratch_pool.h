// Memory that searches take turns with. Private to index/.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace clipdex::index {

// As many Ts as were ever in use at once. One is as its last user left it, also where that ended by an exception. Any number of threads may
// take one.
template <typename T>
class ScratchPool {
 public:
  class Lease {
   public:
    Lease(ScratchPool& pool, std::unique_ptr<T> item) : pool_(pool), item_(std::move(item)) {}
    ~Lease() {
      const std::lock_guard lock(pool_.mutex_);
      pool_.free_.push_back(std::move(item_));  // there is room: see take()
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    T& operator*() const { return *item_; }

   private:
    ScratchPool& pool_;
    std::unique_ptr<T> item_;
  };

  Lease take() {
    std::unique_ptr<T> item;
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        item = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (!item) {
      item = std::make_unique<T>();
      const std::lock_guard lock(mutex_);
      free_.reserve(made_ + 1);
      ++made_;
    }
    return Lease(*this, std::move(item));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
  std::size_t made_ = 0;  // there is room for all of them in free_, so that none is given back in vain
};

}  // namespace clipdex::index
