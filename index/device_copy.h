// What a device has of a segment. Private to index/.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "index/accelerator.h"
#include "index/quantized_lists.h"
#include "index/scan.h"

namespace clipdex::index {

// What becomes of a copy. Any thread may call it.
struct DeviceCopyUse {
  std::atomic<std::size_t> starved = 0;  // queries that found too few rows that live among all that the device selects at once
};

// Made at one moment: a segment's vectors, or their codes.
struct DeviceCopy {
  // Of this copy alone. The first member, so the last to go: when nobody has it, the copy holds no vectors any more.
  std::shared_ptr<DeviceCopyUse> use = std::make_shared<DeviceCopyUse>();
  std::shared_ptr<const DeviceVectors> vectors;
  std::vector<std::uint32_t> positions;  // of its vectors in the segment, ascending; empty: it names positions of the segment itself
  std::size_t dead = 0;                  // of the segment's rows, and so not among them
  bool codes = false;
  // With a graph over the vectors, searches that are not exact need no proof, though the segment is flat.
  std::shared_ptr<const DeviceVectors> without_graph;  // the same vectors; null: there is no graph
  std::optional<std::size_t> graph_refused;            // bytes that the device had free then

  bool has_graph() const { return without_graph != nullptr; }
  // The same vectors, with a graph or, with nothing, as they are.
  std::shared_ptr<DeviceCopy> with(std::shared_ptr<const DeviceVectors> graph) const;
  // Whether it is to be asked at all: no device knows of filters, nor are codes looked at harder than usual, or for exact searches. The
  // same as long as it lives, whatever becomes of the device: a search asks twice.
  bool may_answer(const SearchOptions& options) const {
    return options.allowed == nullptr && (!codes || (!options.exact && options.effort == 0));
  }
};

// Of a segment's live rows, a copy of the vectors or, the second, of the codes; nullptr as Accelerator::hold() says.
std::shared_ptr<const DeviceCopy> copy_to_device(const ScanInput& segment, Accelerator& accelerator, const std::stop_token& stop);
std::shared_ptr<const DeviceCopy> copy_to_device(const ScanInput& segment, const QuantizedLists& lists, Accelerator& accelerator,
                                                 const std::stop_token& stop);
// What the second takes at most, so as to tell whether `room` is enough for it; nothing as Accelerator::bytes_for_lists() says.
std::optional<std::size_t> bytes_for_live(const ScanInput& segment, const QuantizedLists& lists, const Accelerator& accelerator,
                                          std::size_t room);

}  // namespace clipdex::index
