// Background work: what of the index a device has copies of.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "index/device_copy.h"
#include "index/index_state.h"

namespace clipdex::index {
namespace {

// Fewer are scanned by the CPU before a device has begun.
constexpr std::uint64_t kCopiedRowsMin = 10'000;
// Rows that may have been deleted since a copy was made before it is made anew. A graph takes minutes, and may lack this share of its rows,
// unless so many queries were for what is deleted.
constexpr std::size_t kDeletedSinceMax = 1'200;
constexpr double kDeletedShareOfGraphMax = 0.05;
constexpr std::size_t kStarvedMax = 16;
// Of its vectors' bytes, that a device must have free more than when it refused a graph before it is asked again: builds may fail late.
constexpr std::size_t kGrowthPart = 8;

bool has_vectors(const SegmentView& view) { return view.device && !view.device->codes; }

// Since so many of its rows were deleted. There is a copy.
bool is_worn(const SegmentView& view) {
  const auto deleted = view.deleted_since_copy();
  if (deleted <= kDeletedSinceMax || !view.device->has_graph()) return deleted > kDeletedSinceMax;
  return static_cast<double>(deleted) > kDeletedShareOfGraphMax * static_cast<double>(view.rows()) ||
         view.device->use->starved > kStarvedMax;
}

std::size_t graph_bytes(const std::vector<SegmentView>& all) {
  std::size_t bytes = 0;
  for (const auto& view : all) {
    if (view.device && view.device->has_graph()) bytes += view.device->vectors->bytes() - view.device->without_graph->bytes();
  }
  return bytes;
}

}  // namespace

void VectorIndex::Impl::look_at_accelerator() {
  if (!options.accelerator) return;
  const bool usable = options.accelerator->usable();
  std::size_t bytes = usable ? options.accelerator->bytes_free() : 0;
  std::vector<std::shared_ptr<const DeviceCopy>> dropped;
  {
    Change change(*this);
    for (auto& view : state.segments) {
      if (!view.device) continue;
      // One of several devices may have failed: what it had a part of is of no use, and is copied to the others.
      if (usable && view.device->vectors->usable()) {
        bytes += view.device->vectors->bytes();
      } else {
        dropped.push_back(std::exchange(view.device, nullptr));
      }
    }
    if (!dropped.empty()) publish();
    change.keep();
  }
  let_go(dropped);
  const std::uint64_t rows = bytes / options.accelerator->bytes_for(1, options.dimension);
  // A graph that the CPU would need takes hours: not for memory that is only late.
  state.plan.device_rows_max = usable && memory_is_late ? std::max(state.plan.device_rows_max, rows) : rows;
}

void VectorIndex::Impl::settle() {
  if (!options.accelerator) return;
  memory_is_late = options.accelerator->leaving().any();
  options.accelerator->wait_for_released();
}

void VectorIndex::Impl::let_go(const std::vector<std::shared_ptr<const DeviceCopy>>& copies) {
  for (const auto& copy : copies) options.accelerator->leaving().add(copy->use);
  memory_is_late = memory_is_late || !copies.empty();
}

std::vector<SegmentView> VectorIndex::Impl::views() const {
  const std::lock_guard lock(mutex);
  return state.segments;
}

bool VectorIndex::has_device_work() const {
  if (!impl_->options.accelerator) return false;
  impl_->settle();
  const auto all = impl_->views();
  const bool failed = std::any_of(all.begin(), all.end(), [](const auto& view) { return view.device && !view.device->vectors->usable(); });
  if (failed || impl_->memory_is_late) return true;
  if (!impl_->options.accelerator->usable()) return false;
  return !impl_->missing_copies(all).empty() || impl_->graphs_are_in_the_way(all) || impl_->without_graph(all);
}

bool VectorIndex::Impl::improve_copies(const std::stop_token& stop) {
  if (!options.accelerator || !options.accelerator->usable()) return false;
  std::erase_if(refused, [](const auto& one) { return one.first.expired(); });
  // Where vectors were refused they are asked for once more when the old copy's memory is back, and then codes.
  for (int round = 0; round < 3; ++round) {
    settle();
    auto missing_now = missing_copies(views());  // one by one: nobody here may hold an old copy that is to make room
    if (missing_now.empty()) break;
    for (auto& wanted : missing_now) {
      if (stop.stop_requested()) return false;
      if (copy(std::move(wanted), stop)) return true;
    }
  }
  const auto all = views();
  if (graphs_are_in_the_way(all)) {
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
  WantedCopy wanted{.view = view, .lists = std::nullopt, .bytes = bytes_of_vectors(view), .urgency = Urgency::kNone};
  if (view.device) wanted.urgency = is_worn(view) ? Urgency::kWorn : Urgency::kBetter;
  if (wanted.urgency == Urgency::kBetter && !view.device->codes) return std::nullopt;
  const bool worn = wanted.urgency == Urgency::kWorn;
  // A worn copy may go first, codes that are good go when the vectors are there.
  const std::size_t free = options.accelerator->bytes_free(), room = free + (worn ? view.device->vectors->bytes() : 0);
  if (wanted.bytes <= room && !was_refused(view, wanted.bytes, room)) return wanted;
  if (wanted.urgency == Urgency::kBetter || memory_is_late) return std::nullopt;

  const auto& approximation = view.segment->parts().approximation;
  wanted.lists = approximation ? approximation->quantized_lists() : std::nullopt;
  if (!wanted.lists) return std::nullopt;
  const auto bytes = bytes_for_live(view.segment->scan_input(view.deleted.get()), *wanted.lists, *options.accelerator, free);
  if (!bytes || (*bytes > room && !worn) || was_refused(view, *bytes, room)) return std::nullopt;
  wanted.bytes = *bytes;
  return wanted;
}

bool VectorIndex::Impl::was_refused(const SegmentView& view, std::size_t bytes, std::size_t room) const {
  const auto before = refused.find(view.segment);
  return before != refused.end() && bytes >= before->second.bytes && room <= before->second.room;
}

bool VectorIndex::Impl::copy(WantedCopy wanted, const std::stop_token& stop) {
  auto& [view, lists, bytes, urgency] = wanted;
  auto& accelerator = *options.accelerator;
  const bool short_of_room = bytes > accelerator.bytes_free();
  if (short_of_room && urgency != Urgency::kWorn) return false;  // an attempt before this one has found that there is less
  view.device.reset();
  // The old copy goes first; so it does when the last search that holds it ends.
  if (short_of_room) {
    publish_copy(view, nullptr);
    await_memory(stop);
    if (memory_is_late && bytes > accelerator.bytes_free()) return false;
  }
  const std::size_t free = accelerator.bytes_free();
  const auto segment = view.segment->scan_input(view.deleted.get());
  const auto made = lists ? copy_to_device(segment, *lists, accelerator, stop) : copy_to_device(segment, accelerator, stop);
  if (made) {
    publish_copy(view, made);
    refused.erase(view.segment);
    return true;
  }
  if (stop.stop_requested()) return false;
  // A device that has learned that it has less may take it in another way.
  accelerator.wait_for_released();
  if (accelerator.bytes_free() >= free) refused[view.segment] = {.bytes = bytes, .room = free};
  // It took room and answered little.
  if (urgency == Urgency::kWorn) publish_copy(view, nullptr);
  return false;
}

void VectorIndex::Impl::await_memory(const std::stop_token& stop) {
  using namespace std::chrono_literals;
  const auto end = std::chrono::steady_clock::now() + 1s;
  for (settle(); memory_is_late && !stop.stop_requested() && std::chrono::steady_clock::now() < end; settle())
    std::this_thread::sleep_for(10ms);
}

bool VectorIndex::Impl::is_copied(const SegmentView& view) const {
  return view.live() >= kCopiedRowsMin && (options.directory.empty() || view.segment->on_disk());
}

std::size_t VectorIndex::Impl::bytes_of_vectors(const SegmentView& view) const {
  return options.accelerator->bytes_for(view.live(), options.dimension);
}

bool VectorIndex::Impl::would_fit_without_graphs(const SegmentView& view, std::size_t graphs) const {
  const std::size_t bytes = bytes_of_vectors(view), room = options.accelerator->bytes_free() + graphs;
  return is_copied(view) && !has_vectors(view) && bytes <= room && !was_refused(view, bytes, room);
}

bool VectorIndex::Impl::graphs_are_in_the_way(const std::vector<SegmentView>& all) const {
  const std::size_t graphs = graph_bytes(all), free = options.accelerator->bytes_free();
  if (graphs == 0 || memory_is_late) return false;
  return std::any_of(all.begin(), all.end(),
                     [&](const SegmentView& view) { return bytes_of_vectors(view) > free && would_fit_without_graphs(view, graphs); });
}

void VectorIndex::Impl::drop_graphs(const std::vector<SegmentView>& all) {
  for (const auto& view : all) {
    if (view.device && view.device->has_graph()) publish_copy(view, view.device->with(nullptr));
  }
}

std::optional<SegmentView> VectorIndex::Impl::without_graph(const std::vector<SegmentView>& all) const {
  if (options.type == IndexType::kFlat || memory_is_late) return std::nullopt;
  // Where vectors could have the room there is none for graphs.
  const std::size_t graphs = graph_bytes(all);
  if (std::any_of(all.begin(), all.end(), [&](const SegmentView& view) { return would_fit_without_graphs(view, graphs); }))
    return std::nullopt;
  const std::size_t free = options.accelerator->bytes_free();
  const auto first = std::find_if(all.begin(), all.end(), [&](const SegmentView& view) {
    if (!view.device || view.device->has_graph() || !options.accelerator->wants_graph(*view.device->vectors)) return false;
    const auto& refused_with = view.device->graph_refused;
    return !refused_with || free > *refused_with + view.device->vectors->bytes() / kGrowthPart;
  });
  if (first == all.end()) return std::nullopt;
  return *first;
}

void VectorIndex::Impl::add_graph(const SegmentView& view, const std::stop_token& stop) {
  const std::size_t free = options.accelerator->bytes_free();
  std::shared_ptr<const DeviceVectors> vectors;
  build_beside_writes([&] { vectors = options.accelerator->with_graph(view.device->vectors, stop); }, stop);
  if (vectors != view.device->vectors) return publish_copy(view, view.device->with(std::move(vectors)));
  if (stop.stop_requested()) return;
  auto refusal = view.device->with(nullptr);
  refusal->graph_refused = free;
  publish_copy(view, refusal);
}

void VectorIndex::Impl::publish_copy(const SegmentView& view, const std::shared_ptr<const DeviceCopy>& copy) {
  std::vector<std::shared_ptr<const DeviceCopy>> replaced;
  {
    const std::lock_guard lock(mutex);
    Change change(*this);
    for (auto& one : state.segments) {
      if (one.segment != view.segment || one.device == copy) continue;
      if (one.device) replaced.push_back(one.device);
      one.device = copy;
      publish();
    }
    change.keep();
  }
  let_go(replaced);
}

}  // namespace clipdex::index
