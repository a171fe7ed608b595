// Requests by route, method and status, and their latencies by route. Private to http/.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/metrics.h"

namespace clipdex::http {

// Any thread may call it; counting is a few relaxed adds.
class RequestMetrics {
 public:
  // routes: their number. One more stands for requests without a route.
  explicit RequestMetrics(std::size_t routes);

  // route: its number, or that of routes for none. Methods and statuses that no table holds count as "other".
  void count(std::size_t route, std::string_view method, int status, std::chrono::nanoseconds time, std::uint64_t bytes_in,
             std::uint64_t bytes_out);

  std::size_t routes() const { return latencies_.size() - 1; }
  const engine::LatencyHistogram& latency(std::size_t route) const { return *latencies_[route]; }
  std::uint64_t bytes_in() const { return bytes_in_.value(); }
  std::uint64_t bytes_out() const { return bytes_out_.value(); }
  // Calls `each` for every combination that has been seen. status: "200", or "other".
  using Each = std::function<void(std::size_t route, std::string_view method, std::string_view status, std::uint64_t requests)>;
  void for_each(const Each& each) const;

 private:
  static constexpr std::size_t kMethods = 8, kStatuses = 26;
  using Counters = std::array<std::array<engine::Counter, kStatuses>, kMethods>;

  std::vector<std::unique_ptr<Counters>> counters_;
  std::vector<std::unique_ptr<engine::LatencyHistogram>> latencies_;
  engine::Counter bytes_in_, bytes_out_;
};

}  // namespace clipdex::http
