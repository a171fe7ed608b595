// A loop over independent pieces of work on some threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace clipdex::training {

// work(i) for each i below `count`, on at most `threads` threads, this one among them. `work` must not throw.
template <typename Work>
void for_each_in_parallel(std::size_t count, int threads, const Work& work) {
  if (count == 0) return;
  std::atomic<std::size_t> next = 0;
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> helpers(std::min(static_cast<std::size_t>(std::max(1, threads)), count) - 1);
  for (auto& helper : helpers) helper = std::jthread(run);
  run();
}

}  // namespace clipdex::training
