// What was used lately, within a bound of bytes. Private to engine/.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace clipdex::engine {

// Any thread may call it.
template <typename Value>
class LruCache {
 public:
  // What an entry takes besides its key and what the caller says of its value: nodes of the list and the map.
  static constexpr std::size_t kBytesOfEntry = 128;

  explicit LruCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  std::optional<Value> get(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  // value_bytes: memory that the value holds. An entry that alone is over the bound is not kept.
  void put(std::string key, Value value, std::size_t value_bytes) {
    const std::size_t bytes = kBytesOfEntry + key.size() + value_bytes;
    const std::lock_guard lock(mutex_);
    if (bytes > bytes_max_ || places_.contains(key)) return;
    entries_.push_front({std::move(key), std::move(value), bytes});
    try {
      places_.emplace(entries_.front().key, entries_.begin());
    } catch (...) {
      entries_.pop_front();
      throw;
    }
    bytes_ += bytes;
    while (bytes_ > bytes_max_) {
      bytes_ -= entries_.back().bytes;
      places_.erase(entries_.back().key);
      entries_.pop_back();
    }
  }

  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    std::size_t bytes;
  };

  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the latest first
  std::unordered_map<std::string_view, typename std::list<Entry>::iterator> places_;
  std::size_t bytes_ = 0;
};

}  // namespace clipdex::engine
