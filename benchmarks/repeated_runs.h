// How long something takes when it is done again and again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace clipdex::benchmarks {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Seconds of one run.
struct RunTimes {
  double least = 0, p50 = 0, p99 = 0;
};

// times: not empty.
inline RunTimes times_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) { return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))]; };
  return {.least = times.front(), .p50 = at(0.5), .p99 = at(0.99)};
}

// Twenty runs at least, after two to warm up, and as many as fit into some seconds.
template <typename Run>
RunTimes time_runs(const Run& run) {
  constexpr double kSecondsEnough = 3;
  constexpr std::size_t kRunsMin = 20, kRunsMax = 10'000;
  run();
  run();
  std::vector<double> times;
  const auto start = std::chrono::steady_clock::now();
  while (times.size() < kRunsMin || (seconds_since(start) < kSecondsEnough && times.size() < kRunsMax)) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    times.push_back(seconds_since(begin));
  }
  return times_of(std::move(times));
}

}  // namespace clipdex::benchmarks
