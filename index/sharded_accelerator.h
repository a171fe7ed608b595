// Several devices, each with a part of a segment's vectors. Private to index/.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "index/accelerator.h"

namespace clipdex::index {

// A segment's vectors are divided among the devices that work, in proportion to the room that each has; codes go to one of them as a whole.
// A search asks all at once, and fails if one of them does. Any thread may call it.
class ShardedAccelerator : public Accelerator {
 public:
  explicit ShardedAccelerator(std::vector<std::shared_ptr<Accelerator>> devices) : devices_(std::move(devices)) {}

  bool usable() const override;
  std::size_t bytes_free() const override;  // of all together
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override { return devices_.front()->bytes_for(n, dimension); }
  void wait_for_released() override;
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& stop) override;
  bool wants_graph(const DeviceVectors& vectors) const override;
  std::shared_ptr<const DeviceVectors> with_graph(std::shared_ptr<const DeviceVectors> vectors, const std::stop_token& stop) override;
  // No device alone may have room for them, though all together have: they are not held then.
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& lists) const override;
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& lists, const std::stop_token& stop) override;

 private:
  Accelerator& roomiest() const;
  // How many of n vectors each device takes; empty: there is no room for them.
  std::vector<std::size_t> shares(std::size_t n, std::size_t dimension) const;

  const std::vector<std::shared_ptr<Accelerator>> devices_;
};

}  // namespace clipdex::index
