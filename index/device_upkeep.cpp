// Background work: what of the index a device has copies of.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "index/device_copy.h"
#include "index/index_state.h"

namespace clipdex::index {
namespace {

// Fewer are scanned by the CPU before a device has begun.
constexpr std::uint64_t kCopiedRowsMin = 10'000;
// Rows that may have been deleted since a copy was made before it is made anew. A graph takes minutes, and may lack this share of its rows.
constexpr std::size_t kDeletedSinceMax = 1'200;
constexpr double kDeletedShareOfGraphMax = 0.05;

bool has_vectors(const SegmentView& view) { return view.device && !view.device->codes; }

std::size_t deleted_since_max(const SegmentView& view) {
  if (!view.device->has_graph()) return kDeletedSinceMax;
  return std::max(kDeletedSinceMax, static_cast<std::size_t>(kDeletedShareOfGraphMax * static_cast<double>(view.rows())));
}

std::size_t graph_bytes(const SegmentView& view) {
  return view.device && view.device->has_graph() ? view.device->vectors->bytes() - view.device->without_graph->bytes() : 0;
}

}  // namespace

void VectorIndex::Impl::look_at_accelerator() {
  if (!options.accelerator) return;
  const bool usable = options.accelerator->usable();
  std::size_t bytes = usable ? options.accelerator->bytes_free() : 0;
  bool dropped = false;
  for (auto& view : state.segments) {
    if (!view.device) continue;
    // One of several devices may have failed: what it had a part of is of no use, and is copied to the others.
    if (usable && view.device->vectors->usable()) {
      bytes += view.device->vectors->bytes();
      continue;
    }
    view.device.reset();
    dropped = true;
  }
  if (dropped) publish();
  state.plan.device_rows_max = bytes / options.accelerator->bytes_for(1, options.dimension);
  // What has just been dropped is still on its way out of the memory of the devices that work.
  planning_waits = dropped && usable;
}

std::vector<SegmentView> VectorIndex::Impl::views() const {
  const std::lock_guard lock(mutex);
  return state.segments;
}

bool VectorIndex::has_device_work() const {
  if (!impl_->options.accelerator) return false;
  const auto all = impl_->views();
  const bool failed = std::any_of(all.begin(), all.end(), [](const auto& view) { return view.device && !view.device->vectors->usable(); });
  if (failed || impl_->planning_waits) return true;
  if (!impl_->options.accelerator->usable()) return false;
  return !impl_->missing_copies(all).empty() || impl_->would_fit_without_graphs(all) || impl_->without_graph(all);
}

bool VectorIndex::Impl::improve_copies(const std::stop_token& stop) {
  if (!options.accelerator || !options.accelerator->usable()) return false;
  std::erase_if(refused, [](const auto& one) { return one.first.expired(); });
  auto missing_now = missing_copies(views());  // one by one: nobody here may hold an old copy that is to make room
  for (auto& wanted : missing_now) {
    if (stop.stop_requested()) return false;
    if (copy(std::move(wanted), stop)) return true;
  }
  const auto all = views();
  if (would_fit_without_graphs(all)) {
    drop_graphs(all);
    return true;
  }
  if (const auto view = without_graph(all); view && !stop.stop_requested()) {
    add_graph(*view, stop);
    return true;
  }
  return false;
}

std::vector<VectorIndex::Impl::WantedCopy> VectorIndex::Impl::missing_copies(const std::vector<SegmentView>& all) const {
  std::vector<WantedCopy> copies;
  for (const auto& view : all) {
    if (auto wanted = missing_copy(view)) copies.push_back(std::move(*wanted));
  }
  std::stable_sort(copies.begin(), copies.end(), [](const WantedCopy& a, const WantedCopy& b) { return a.urgency < b.urgency; });
  return copies;
}

std::optional<VectorIndex::Impl::WantedCopy> VectorIndex::Impl::missing_copy(const SegmentView& view) const {
  if (!is_copied(view)) return std::nullopt;
  const auto* old = view.device.get();
  const bool worn = old != nullptr && view.deleted_since_copy() > deleted_since_max(view);
  if (old != nullptr && !worn && !old->codes) return std::nullopt;
  const std::size_t room = options.accelerator->bytes_free() + (old != nullptr ? old->vectors->bytes() : 0);
  if (const auto before = refused.find(view.segment); before != refused.end() && room <= before->second) return std::nullopt;

  WantedCopy wanted{.view = view, .lists = std::nullopt, .bytes = bytes_of_vectors(view), .urgency = Urgency::kBetter};
  if (old == nullptr || worn) wanted.urgency = old == nullptr ? Urgency::kNone : Urgency::kWorn;
  if (wanted.bytes <= room) return wanted;
  if (wanted.urgency == Urgency::kBetter) return std::nullopt;
  const auto& approximation = view.segment->parts().approximation;
  wanted.lists = approximation ? approximation->quantized_lists() : std::nullopt;
  if (!wanted.lists) return std::nullopt;
  const auto bytes = bytes_for_live(view.segment->scan_input(view.deleted.get()), *wanted.lists, *options.accelerator, room);
  // A worn copy goes in any case: it takes room and answers little.
  if (!bytes || (*bytes > room && !worn)) return std::nullopt;
  wanted.bytes = *bytes;
  return wanted;
}

bool VectorIndex::Impl::copy(WantedCopy wanted, const std::stop_token& stop) {
  auto& [view, lists, bytes, urgency] = wanted;
  std::size_t kept = view.device ? view.device->vectors->bytes() : 0;
  // Where there is no room for both, the old copy goes first; so it does when the last search that holds it ends.
  if (view.device && bytes > options.accelerator->bytes_free()) {
    publish_copy(view, nullptr);
    kept = 0;
  }
  view.device.reset();
  const std::size_t free = options.accelerator->bytes_free();
  const auto segment = view.segment->scan_input(view.deleted.get());
  const auto made =
      lists ? copy_to_device(segment, *lists, *options.accelerator, stop) : copy_to_device(segment, *options.accelerator, stop);
  if (made) {
    publish_copy(view, made);
    refused.erase(view.segment);
    return true;
  }
  if (stop.stop_requested()) return false;
  if (urgency == Urgency::kWorn) {
    publish_copy(view, nullptr);
    kept = 0;
  }
  refused[view.segment] = std::min(free, options.accelerator->bytes_free()) + kept;
  return false;
}

bool VectorIndex::Impl::is_copied(const SegmentView& view) const {
  return view.live() >= kCopiedRowsMin && (options.directory.empty() || view.segment->on_disk());
}

std::size_t VectorIndex::Impl::bytes_of_vectors(const SegmentView& view) const {
  return options.accelerator->bytes_for(view.live(), options.dimension);
}

bool VectorIndex::Impl::would_fit_without_graphs(const std::vector<SegmentView>& all) const {
  const std::size_t graphs = std::accumulate(all.begin(), all.end(), std::size_t{0},
                                             [](std::size_t sum, const SegmentView& view) { return sum + graph_bytes(view); });
  if (graphs == 0) return false;
  const std::size_t free = options.accelerator->bytes_free();
  return std::any_of(all.begin(), all.end(), [&](const SegmentView& view) {
    if (!is_copied(view) || has_vectors(view)) return false;
    const std::size_t room = free + (view.device ? view.device->vectors->bytes() : 0), bytes = bytes_of_vectors(view);
    return room < bytes && bytes <= room + graphs;
  });
}

void VectorIndex::Impl::drop_graphs(const std::vector<SegmentView>& all) {
  for (const auto& view : all) {
    if (graph_bytes(view) == 0) continue;
    auto plain = std::make_shared<DeviceCopy>(*view.device);
    plain->vectors = std::move(plain->without_graph);
    publish_copy(view, plain);
  }
}

std::optional<SegmentView> VectorIndex::Impl::without_graph(const std::vector<SegmentView>& all) const {
  if (options.type == IndexType::kFlat) return std::nullopt;
  // While vectors wait for room there is none for graphs.
  if (std::any_of(all.begin(), all.end(), [&](const SegmentView& view) { return is_copied(view) && !has_vectors(view); }))
    return std::nullopt;
  const std::size_t free = options.accelerator->bytes_free();
  const auto first = std::find_if(all.begin(), all.end(), [&](const SegmentView& view) {
    return view.device && !view.device->has_graph() && (!view.device->graph_refused || free > *view.device->graph_refused);
  });
  if (first == all.end()) return std::nullopt;
  return *first;
}

void VectorIndex::Impl::add_graph(const SegmentView& view, const std::stop_token& stop) {
  const std::size_t free = options.accelerator->bytes_free();
  auto copy = std::make_shared<DeviceCopy>(*view.device);
  build_beside_writes([&] { copy->vectors = options.accelerator->with_graph(view.device->vectors, stop); }, stop);
  if (copy->vectors != view.device->vectors) {
    copy->without_graph = view.device->vectors;
  } else if (stop.stop_requested()) {
    return;
  } else {
    copy->graph_refused = free;
  }
  publish_copy(view, copy);
}

void VectorIndex::Impl::publish_copy(const SegmentView& view, const std::shared_ptr<const DeviceCopy>& copy) {
  const std::lock_guard lock(mutex);
  for (auto& one : state.segments) {
    if (one.segment != view.segment || one.device == copy) continue;
    one.device = copy;
    publish();
  }
}

}  // namespace clipdex::index
