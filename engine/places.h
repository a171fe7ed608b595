// A number of places that are waited for in a line. Private to engine/.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace clipdex::engine {

// Who came first is served first. Any thread may call it. (libstdc++ 14's std::counting_semaphore can sleep while a place is free.)
class Places {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Places(std::size_t count) : free_(count) {}
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  // False if there was none until then.
  bool acquire(std::optional<Clock::time_point> until = {}) {
    std::unique_lock lock(mutex_);
    const auto ticket = next_ticket_++;
    line_.push_back(ticket);
    const auto my_turn = [&] { return free_ > 0 && line_.front() == ticket; };
    bool got = true;
    if (until) {
      got = changed_.wait_until(lock, *until, my_turn);
    } else {
      changed_.wait(lock, my_turn);
    }
    line_.erase(std::find(line_.begin(), line_.end(), ticket));
    if (got) --free_;
    changed_.notify_all();  // the next one may have its turn
    return got;
  }

  void release() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t free_;
  std::deque<std::uint64_t> line_;  // tickets that wait
  std::uint64_t next_ticket_ = 0;
};

}  // namespace clipdex::engine
