#include "engine/metrics.h"

#include <algorithm>
#include <stdexcept>

namespace clipdex::engine {
namespace {

constexpr std::uint64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;

constexpr std::array<std::uint64_t, 21> kLatencyBounds = {
    10 * kMicrosecond,  25 * kMicrosecond,    50 * kMicrosecond,  100 * kMicrosecond, 250 * kMicrosecond,   500 * kMicrosecond,
    1 * kMillisecond,   2'500 * kMicrosecond, 5 * kMillisecond,   10 * kMillisecond,  25 * kMillisecond,    50 * kMillisecond,
    100 * kMillisecond, 250 * kMillisecond,   500 * kMillisecond, 1 * kSecond,        2'500 * kMillisecond, 5 * kSecond,
    10 * kSecond,       30 * kSecond,         60 * kSecond};

constexpr std::array<std::uint64_t, 11> kSizeBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

}  // namespace

Histogram::Histogram(std::span<const std::uint64_t> bounds) : bounds_(bounds) {
  if (bounds.empty() || bounds.size() > kBoundsMax) throw std::invalid_argument("a histogram has 1 to 22 bounds");
  if (!std::is_sorted(bounds.begin(), bounds.end())) throw std::invalid_argument("a histogram's bounds ascend");
}

void Histogram::observe(std::uint64_t value) {
  const auto range = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(range)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Reading Histogram::read() const {
  Reading reading{.bounds = bounds_, .counts = {}, .sum = sum_.load(std::memory_order_relaxed)};
  for (std::size_t i = 0; i <= bounds_.size(); ++i) reading.counts[i] = counts_[i].load(std::memory_order_relaxed);
  return reading;
}

LatencyHistogram::LatencyHistogram() : Histogram(kLatencyBounds) {}
SizeHistogram::SizeHistogram() : Histogram(kSizeBounds) {}

}  // namespace clipdex::engine
