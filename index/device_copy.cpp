#include "index/device_copy.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "index/row_filter.h"

namespace clipdex::index {
namespace {

// Where lists without what a filter leaves out would begin.
std::vector<std::uint32_t> live_starts(const QuantizedLists& all, const RowFilter& filter) {
  std::vector<std::uint32_t> starts{0};
  starts.reserve(all.lists() + 1);
  for (std::size_t list = 0; list < all.lists(); ++list) {
    const auto positions = all.positions.subspan(all.list_starts[list], all.list_starts[list + 1] - all.list_starts[list]);
    const auto live = std::count_if(positions.begin(), positions.end(), [&](std::uint32_t position) { return filter.passes(position); });
    starts.push_back(starts.back() + static_cast<std::uint32_t>(live));
  }
  return starts;
}

// Lists without what a filter leaves out.
struct LiveLists {
  LiveLists(const QuantizedLists& all, const RowFilter& filter) : starts(live_starts(all, filter)), view(all) {
    positions.reserve(starts.back());
    codes.reserve(starts.back() * all.codes_per_vector);
    for (std::size_t at = 0; at < all.n; ++at) {
      if (!filter.passes(all.positions[at])) continue;
      positions.push_back(all.positions[at]);
      const auto code = all.codes.begin() + static_cast<std::ptrdiff_t>(at * all.codes_per_vector);
      codes.insert(codes.end(), code, code + static_cast<std::ptrdiff_t>(all.codes_per_vector));
    }
    view.n = positions.size();
    view.list_starts = starts;
    view.positions = positions;
    view.codes = codes;
  }
  LiveLists(const LiveLists&) = delete;
  LiveLists& operator=(const LiveLists&) = delete;

  std::vector<std::uint32_t> starts, positions;
  std::vector<std::uint8_t> codes;
  QuantizedLists view;  // of these
};

}  // namespace

std::shared_ptr<DeviceCopy> DeviceCopy::with(std::shared_ptr<const DeviceVectors> graph) const {
  auto copy = std::make_shared<DeviceCopy>(*this);
  copy->use = std::make_shared<DeviceCopyUse>();
  const auto plain = has_graph() ? without_graph : vectors;
  copy->without_graph = graph ? plain : nullptr;
  copy->vectors = graph ? std::move(graph) : plain;
  return copy;
}

std::shared_ptr<const DeviceCopy> copy_to_device(const ScanInput& segment, const QuantizedLists& lists, Accelerator& accelerator,
                                                 const std::stop_token& stop) {
  auto copy = std::make_shared<DeviceCopy>();
  copy->codes = true;
  if (segment.deleted != nullptr && segment.deleted->count > 0) {
    const LiveLists live(lists, RowFilter(segment));
    copy->dead = segment.deleted->count;
    if (live.view.n > 0) copy->vectors = accelerator.hold_lists(live.view, stop);
  } else {
    copy->vectors = accelerator.hold_lists(lists, stop);
  }
  if (!copy->vectors) return nullptr;
  return copy;
}

std::shared_ptr<const DeviceCopy> copy_to_device(const ScanInput& segment, Accelerator& accelerator, const std::stop_token& stop) {
  auto copy = std::make_shared<DeviceCopy>();
  if (segment.deleted != nullptr && segment.deleted->count > 0) {
    copy->positions = RowFilter(segment).positions();
    copy->dead = segment.deleted->count;
    if (copy->positions.empty()) return nullptr;
  }
  const auto& positions = copy->positions;
  const auto vector = [&](std::size_t i) { return segment.vectors + (positions.empty() ? i : positions[i]) * segment.dimension; };
  copy->vectors = accelerator.hold(positions.empty() ? segment.rows.size() : positions.size(), segment.dimension, vector, stop);
  if (!copy->vectors) return nullptr;
  return copy;
}

std::optional<std::size_t> bytes_for_live(const ScanInput& segment, const QuantizedLists& lists, const Accelerator& accelerator,
                                          std::size_t room) {
  const auto all = accelerator.bytes_for_lists(lists);
  const std::size_t dead = segment.deleted != nullptr ? segment.deleted->count : 0;
  if (!all || dead == 0 || *all <= room) return all;
  // Not all of the bytes are in proportion to the rows, so there are more than these.
  const auto live_share = 1 - static_cast<double>(dead) / static_cast<double>(segment.rows.size());
  if (live_share * static_cast<double>(*all) > static_cast<double>(room)) return all;
  const auto starts = live_starts(lists, RowFilter(segment));
  QuantizedLists live = lists;
  live.n = starts.back();
  live.list_starts = starts;
  return accelerator.bytes_for_lists(live);
}

}  // namespace clipdex::index
