// A device that computes as a GPU with fp16 does, on the CPU.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <utility>
#include <vector>

#include "index/accelerator.h"

namespace clipdex::tests {

using namespace clipdex::index;

inline float rounded(float value) {
  __extension__ using Half = _Float16;
  return static_cast<float>(static_cast<Half>(value));
}

// What it was asked.
struct DeviceLog {
  std::atomic<std::size_t> bytes = 0, bytes_max = std::size_t{1} << 30, searches = 0, copies = 0;
  std::atomic<bool> broken = false, busy = false;
};

class RoundingVectors : public DeviceVectors {
 public:
  RoundingVectors(DeviceLog& log, std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector)
      : log_(log), n_(n), dimension_(dimension) {
    for (std::size_t i = 0; i < n; ++i) std::transform(vector(i), vector(i) + dimension, std::back_inserter(vectors_), rounded);
    log_.bytes += bytes();
    ++log_.copies;
  }
  ~RoundingVectors() override { log_.bytes -= bytes(); }

  std::size_t bytes() const override { return n_ * dimension_ * 2; }
  bool usable() const override { return !log_.broken; }
  std::optional<float> score_error() const override { return 1.1e-3F; }
  std::size_t k_max() const override { return 2048; }
  std::size_t candidates(std::size_t limit) const override { return limit + 32; }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    if (log_.busy) throw std::runtime_error("the device has no scratch memory now");
    ++log_.searches;
    for (std::size_t q = 0; q < n; ++q) {
      std::vector<std::pair<float, std::int64_t>> all(n_);
      for (std::size_t i = 0; i < n_; ++i) {
        float sum = 0;
        for (std::size_t d = 0; d < dimension_; ++d) sum += rounded(queries[q * dimension_ + d]) * vectors_[i * dimension_ + d];
        all[i] = {-sum, static_cast<std::int64_t>(i)};
      }
      std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(k, n_)), all.end());
      for (std::size_t i = 0; i < k; ++i) {
        scores[q * k + i] = i < n_ ? -all[i].first : 0;
        positions[q * k + i] = i < n_ ? all[i].second : -1;
      }
    }
  }

 private:
  DeviceLog& log_;
  std::size_t n_, dimension_;
  std::vector<float> vectors_;
};

class RoundingDevice : public Accelerator {
 public:
  explicit RoundingDevice(DeviceLog& log) : log_(log) {}
  bool usable() const override { return !log_.broken; }
  std::size_t bytes_free() const override { return log_.bytes_max - std::min<std::size_t>(log_.bytes_max, log_.bytes); }
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override { return n * dimension * 2; }
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& /*stop*/) override {
    if (bytes_for(n, dimension) > bytes_free()) return nullptr;
    return std::make_shared<const RoundingVectors>(log_, n, dimension, vector);
  }
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& /*lists*/) const override { return std::nullopt; }
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& /*lists*/, const std::stop_token& /*stop*/) override {
    return nullptr;
  }

 private:
  DeviceLog& log_;
};

}  // namespace clipdex::tests
