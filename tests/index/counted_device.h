// A device as it is, but for a count of the searches that it has answered.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include "index/accelerator.h"
#include "index/quantized_lists.h"

namespace clipdex::tests {

using namespace clipdex::index;

struct DeviceCounts {
  std::atomic<std::size_t> searches = 0;  // that threw nothing
};

class CountedVectors : public DeviceVectors {
 public:
  CountedVectors(std::shared_ptr<const DeviceVectors> vectors, std::shared_ptr<DeviceCounts> counts)
      : vectors_(std::move(vectors)), counts_(std::move(counts)) {}

  std::size_t bytes() const override { return vectors_->bytes(); }
  bool usable() const override { return vectors_->usable(); }
  std::optional<float> score_error() const override { return vectors_->score_error(); }
  std::size_t k_max() const override { return vectors_->k_max(); }
  std::size_t candidates(std::size_t limit) const override { return vectors_->candidates(limit); }
  std::size_t searches_at_once() const override { return vectors_->searches_at_once(); }
  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    vectors_->search(queries, n, k, scores, positions);
    ++counts_->searches;
  }
  void search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                            std::int64_t* positions) const override {
    vectors_->search_approximately(queries, n, k, scores, positions);
    ++counts_->searches;
  }
  const std::shared_ptr<const DeviceVectors>& its_own() const { return vectors_; }

 private:
  std::shared_ptr<const DeviceVectors> vectors_;
  std::shared_ptr<DeviceCounts> counts_;
};

class CountedDevice : public Accelerator {
 public:
  CountedDevice(std::shared_ptr<Accelerator> device, std::shared_ptr<DeviceCounts> counts)
      : device_(std::move(device)), counts_(std::move(counts)) {}

  bool usable() const override { return device_->usable(); }
  std::size_t bytes_free() const override { return device_->bytes_free(); }
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override { return device_->bytes_for(n, dimension); }
  void wait_for_released() override { device_->wait_for_released(); }
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& stop) override {
    return counted(device_->hold(n, dimension, vector, stop));
  }
  bool wants_graph(const DeviceVectors& vectors) const override {
    return device_->wants_graph(*dynamic_cast<const CountedVectors&>(vectors).its_own());
  }
  std::shared_ptr<const DeviceVectors> with_graph(std::shared_ptr<const DeviceVectors> vectors, const std::stop_token& stop) override {
    const auto own = std::dynamic_pointer_cast<const CountedVectors>(vectors)->its_own();
    const auto graph = device_->with_graph(own, stop);
    return graph == own ? vectors : counted(graph);
  }
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& lists) const override { return device_->bytes_for_lists(lists); }
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& lists, const std::stop_token& stop) override {
    return counted(device_->hold_lists(lists, stop));
  }

 private:
  std::shared_ptr<const DeviceVectors> counted(std::shared_ptr<const DeviceVectors> vectors) const {
    if (!vectors) return nullptr;
    return std::make_shared<const CountedVectors>(std::move(vectors), counts_);
  }

  std::shared_ptr<Accelerator> device_;
  std::shared_ptr<DeviceCounts> counts_;
};

}  // namespace clipdex::tests
