// Callers that are served together by one of them. Private to engine/.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

namespace clipdex::engine {

// What a caller waits for; lives on its stack.
struct WaitingCaller {
  std::exception_ptr error;  // set by whoever serves it
  bool done = false;
};

// While `at_work_max` callers are at work, for themselves and for those behind them, the others wait; then the front one goes on, with as
// many of those behind it as it chooses. Nobody waits for company. Two at work: the second one's group waits where it is served when the
// first one's is done. Any thread may call it. `Caller` derives from WaitingCaller.
template <typename Caller>
class WaitingLine {
 public:
  explicit WaitingLine(std::size_t at_work_max = 1) : at_work_max_(at_work_max) {}

  // Returns when `mine` was served. `choose(line)`: how many of the front callers are served now, 1 or more. `serve(group)` does it,
  // without the line's lock, and throws nothing: what fails is each caller's error, and is thrown here.
  template <typename Choose, typename Serve>
  void pass(Caller& mine, const Choose& choose, const Serve& serve) {
    std::unique_lock lock(mutex_);
    line_.push_back(&mine);
    // The line may be empty: those of a group that is being served are out of it.
    changed_.wait(lock, [&] { return mine.done || (at_work_ < at_work_max_ && !line_.empty() && line_.front() == &mine); });
    if (!mine.done) {
      const auto group = take(mine, choose);
      ++at_work_;
      if (at_work_ < at_work_max_ && !line_.empty()) changed_.notify_all();
      lock.unlock();
      serve(std::span<Caller* const>(group));
      lock.lock();
      for (auto* one : group) one->done = true;
      --at_work_;
      changed_.notify_all();
    }
    lock.unlock();
    if (mine.error) std::rethrow_exception(mine.error);
  }

 private:
  template <typename Choose>
  std::vector<Caller*> take(Caller& mine, const Choose& choose) {
    try {
      const auto end = line_.begin() + static_cast<std::ptrdiff_t>(choose(line_));
      std::vector<Caller*> group(line_.begin(), end);
      line_.erase(line_.begin(), end);
      return group;
    } catch (...) {  // of memory: the line goes on without this caller
      line_.erase(std::find(line_.begin(), line_.end(), &mine));
      changed_.notify_all();
      throw;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Caller*> line_;
  const std::size_t at_work_max_;
  std::size_t at_work_ = 0;
};

}  // namespace clipdex::engine
