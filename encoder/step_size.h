// How many pictures one step of the encoder takes.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

#include "encoder/urgency.h"

namespace clipdex::encoder {

// A step cannot be interrupted, so a query that arrives waits for the end of the one that runs. While there are queries, a batch's steps
// are cut to about kStepBesideQueries, by how long pictures took lately; without queries to kStepAlone, which a first query can bear and
// which costs large models little speed. Any thread may call it.
class StepSize {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kStepBesideQueries{40}, kStepAlone{250};
  static constexpr std::chrono::seconds kRemembered{2};  // since the last query

  explicit StepSize(std::size_t most) : most_(most) {}

  void query() { last_query_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

  std::size_t next(Urgency urgency) const {
    const Clock::time_point last{Clock::duration(last_query_.load(std::memory_order_relaxed))};
    if (urgency == Urgency::kQuery) return most_;
    return within(Clock::now() - last > kRemembered ? kStepAlone : kStepBesideQueries);
  }

  // That take about so long together.
  std::size_t within(std::chrono::duration<double> time) const {
    const double each = seconds_each_.load(std::memory_order_relaxed);
    if (each <= 0) return 1;  // nobody knows yet
    return std::clamp(static_cast<std::size_t>(time.count() / each), std::size_t{1}, most_);
  }

  // Around a step of `count` pictures.
  class Timer {
   public:
    Timer(StepSize& size, std::size_t count) : size_(size), count_(count) {}
    ~Timer() {
      const double each = std::chrono::duration<double>(Clock::now() - start_).count() / static_cast<double>(count_);
      const double before = size_.seconds_each_.load(std::memory_order_relaxed);
      size_.seconds_each_.store(before > 0 ? (3 * before + each) / 4 : each, std::memory_order_relaxed);
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

   private:
    StepSize& size_;
    std::size_t count_;
    Clock::time_point start_ = Clock::now();
  };

 private:
  const std::size_t most_;
  std::atomic<Clock::rep> last_query_{Clock::time_point::min().time_since_epoch().count() / 2};
  std::atomic<double> seconds_each_{0};
};

}  // namespace clipdex::encoder
