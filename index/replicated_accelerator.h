// Several devices, each with all of a segment's vectors. Private to index/.
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

// Each device that works has a whole copy, or none has. A search goes to the one with the fewest under way, and to the next if that one
// cannot do it. Bytes are those of all devices together. Any thread may call it.
class ReplicatedAccelerator : public Accelerator {
 public:
  explicit ReplicatedAccelerator(std::vector<std::shared_ptr<Accelerator>> devices) : devices_(std::move(devices)) {}

  bool usable() const override { return usable_devices() > 0; }
  std::size_t bytes_free() const override;  // as much on each of them
  std::size_t bytes_for(std::size_t n, std::size_t dimension) const override;
  void wait_for_released() override;
  std::shared_ptr<const DeviceVectors> hold(std::size_t n, std::size_t dimension, const std::function<const float*(std::size_t)>& vector,
                                            const std::stop_token& stop) override;
  bool wants_graph(const DeviceVectors& vectors) const override;
  std::shared_ptr<const DeviceVectors> with_graph(std::shared_ptr<const DeviceVectors> vectors, const std::stop_token& stop) override;
  std::optional<std::size_t> bytes_for_lists(const QuantizedLists& lists) const override;
  std::shared_ptr<const DeviceVectors> hold_lists(const QuantizedLists& lists, const std::stop_token& stop) override;

 private:
  std::size_t usable_devices() const;
  std::shared_ptr<const DeviceVectors> hold_on_each(const std::function<std::shared_ptr<const DeviceVectors>(Accelerator&)>& hold_on) const;

  const std::vector<std::shared_ptr<Accelerator>> devices_;
};

}  // namespace clipdex::index
