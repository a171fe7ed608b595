// A loop over independent pieces of work on some threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace clipdex::training {

// work(i) for each i below `count`, on at most `threads` threads, this one among them. What one throws is thrown here, after the others
// have ended; not all i are then done.
template <typename Work>
void for_each_in_parallel(std::size_t count, int threads, const Work& work) {
  if (count == 0) return;
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> helpers(std::min(static_cast<std::size_t>(std::max(1, threads)), count) - 1);
  for (auto& helper : helpers) helper = std::jthread(run);
  run();
  helpers.clear();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace clipdex::training
