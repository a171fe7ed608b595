// Background work: writing, merging, rebuilding.
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <iterator>
#include <utility>

#include "index/index_state.h"
#include "index/segment_file.h"

namespace clipdex::index {
namespace {

constexpr std::array<std::string_view, 10> kDurableSteps{"segment written",   "segment synced",  "sidecar synced",   "segment verified",
                                                         "segment renamed",   "sidecar renamed", "directory synced", "checkpoint begun",
                                                         "checkpoint stored", "file removed"};

// Fewer are scanned by the CPU before a device has begun.
constexpr std::uint64_t kCopiedRowsMin = 10'000;

// Rows of `now` that were not deleted yet when it was `before`, appended in ascending order.
void add_newly_deleted(const SegmentView& before, const SegmentView& now, std::vector<std::uint64_t>& rows) {
  if (!now.deleted || now.deleted == before.deleted) return;
  const auto& bits = now.deleted->bits;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i] == 0) continue;
    for (std::size_t position = i * 8; position < i * 8 + 8; ++position) {
      const bool old = before.deleted && before.deleted->contains(position);
      if (now.deleted->contains(position) && !old) rows.push_back(now.segment->rows()[position]);
    }
  }
}

}  // namespace

std::span<const std::string_view> durable_steps() { return kDurableSteps; }

VectorIndex::Impl::Work VectorIndex::Impl::take(const PlannedStep& planned_step) {
  const auto first = state.segments.begin() + static_cast<std::ptrdiff_t>(planned_step.first);
  Work work{.recipe = {.sources = {first, first + static_cast<std::ptrdiff_t>(planned_step.count)},
                       .dimension = options.dimension,
                       .type = planned_step.type,
                       .build_threads = options.build_threads,
                       .thresholds = options.scan_thresholds}};
  // What the result leaves out was removed by operations up to the newest one.
  work.recipe.sequences = {work.recipe.sources.front().segment->parts().sequences.first, last_sequence};
  for (const auto& view : work.recipe.sources) {
    work.recipe.sequences.first = std::min(work.recipe.sequences.first, view.segment->parts().sequences.first);
    work.empty = work.empty && view.live() == 0;
  }
  work.number = next_file++;
  return work;
}

std::shared_ptr<const SealedSegment> VectorIndex::Impl::produce(const Work& work, const std::stop_token& stop) const {
  if (options.directory.empty()) return make_segment(work.recipe, stop);
  const SegmentTarget target{
      .directory = options.directory, .number = work.number, .fingerprint = options.fingerprint, .step = [this](std::string_view name) {
        step(name);
      }};
  return write_segment(work.recipe, target, stop);
}

void VectorIndex::Impl::replace(const Work& work, const std::shared_ptr<const SealedSegment>& result) {
  {
    const std::lock_guard lock(mutex);
    const auto& sources = work.recipe.sources;
    // The writer appends segments and changes tombstones; only this thread takes segments out.
    const auto first = std::find_if(state.segments.begin(), state.segments.end(),
                                    [&](const SegmentView& view) { return view.segment == sources.front().segment; });
    Change change(*this);
    std::vector<std::uint64_t> removed;
    for (std::size_t i = 0; i < sources.size(); ++i) add_newly_deleted(sources[i], first[static_cast<std::ptrdiff_t>(i)], removed);
    const auto at = state.segments.erase(first, first + static_cast<std::ptrdiff_t>(sources.size()));
    if (result) {
      if (result->on_disk()) on_disk.insert(work.number);
      state.segments.insert(at, {result, with_removed(nullptr, result->rows(), removed), nullptr});
    }
    publish();
    change.keep();
  }
  remove_unneeded();
}

bool VectorIndex::Impl::write_next(const std::stop_token& stop) {
  std::optional<Work> work;
  {
    const std::lock_guard lock(mutex);
    if (const auto planned_step = next_write(planned(), state.plan)) work = take(*planned_step);
  }
  if (!work || stop.stop_requested()) return false;
  const auto result = work->empty ? nullptr : produce(*work, stop);
  if (!work->empty && !result) return false;
  replace(*work, result);
  return true;
}

bool VectorIndex::Impl::look_at_accelerator() {
  if (!options.accelerator) return true;
  std::size_t bytes = options.accelerator->usable() ? options.accelerator->bytes_free() : 0;
  bool dropped = false;
  for (auto& view : state.segments) {
    if (!view.device) continue;
    // One of several devices may have failed: what it had a part of is of no use, and is copied to the others.
    if (options.accelerator->usable() && view.device->vectors->usable()) {
      bytes += view.device->vectors->bytes();
      continue;
    }
    view.device.reset();
    dropped = true;
  }
  if (!options.accelerator->usable()) bytes = 0;
  if (dropped) publish();
  state.plan.device_rows_max = bytes / options.accelerator->bytes_for(1, options.dimension);
  return !dropped || !options.accelerator->usable();
}

bool VectorIndex::Impl::copy_next(const std::stop_token& stop) {
  if (!options.accelerator || !options.accelerator->usable()) return false;
  std::vector<std::pair<SegmentView, WantedCopy>> wanting;
  {
    const std::lock_guard lock(mutex);
    for (const auto& view : state.segments) {
      if (const auto wanted = wanted_copy(view)) wanting.emplace_back(view, *wanted);
    }
  }
  for (auto& [view, wanted] : wanting) {
    if (stop.stop_requested()) return false;
    // Where there is no room for both, the old copy goes first; so it does when the last search that holds it ends.
    if (view.device && wanted.bytes > options.accelerator->bytes_free()) publish_copy(view, nullptr);
    view.device.reset();
    const auto segment = view.segment->scan_input(view.deleted.get());
    const auto copy = wanted.lists ? copy_to_device(segment, *wanted.lists, *options.accelerator, stop)
                                   : copy_to_device(segment, *options.accelerator, stop);
    if (!copy) continue;
    publish_copy(view, copy);
    if (!wanted.lists) add_graph(view, *copy, stop);
    return true;
  }
  return false;
}

std::optional<VectorIndex::Impl::WantedCopy> VectorIndex::Impl::wanted_copy(const SegmentView& view) const {
  if (view.live() < kCopiedRowsMin || (!options.directory.empty() && !view.segment->on_disk())) return std::nullopt;
  std::size_t room = options.accelerator->bytes_free();
  if (view.device) {
    if (view.dead() - view.device->dead <= kDeletedSinceMax) return std::nullopt;
    room += view.device->vectors->bytes();
  }
  const std::size_t bytes = options.accelerator->bytes_for(view.live(), options.dimension);
  if (bytes <= room) return WantedCopy{.lists = std::nullopt, .bytes = bytes};
  const auto& approximation = view.segment->parts().approximation;
  const auto lists = approximation ? approximation->quantized_lists() : std::nullopt;
  const auto list_bytes = lists ? options.accelerator->bytes_for_lists(*lists) : std::nullopt;
  // An old copy of so many rows that are deleted now is of no use: it goes in any case.
  if (!list_bytes || (*list_bytes > room && !view.device)) return std::nullopt;
  return WantedCopy{.lists = lists, .bytes = *list_bytes};
}

void VectorIndex::Impl::add_graph(const SegmentView& view, const DeviceCopy& copy, const std::stop_token& stop) {
  if (options.type == IndexType::kFlat) return;
  std::shared_ptr<const DeviceVectors> vectors;
  build_beside_writes([&] { vectors = options.accelerator->with_graph(copy.vectors, stop); }, stop);
  if (vectors == copy.vectors) return;
  auto with_graph = std::make_shared<DeviceCopy>(copy);
  with_graph->vectors = std::move(vectors);
  with_graph->graph = true;
  publish_copy(view, with_graph);
}

void VectorIndex::Impl::publish_copy(const SegmentView& view, const std::shared_ptr<const DeviceCopy>& copy) {
  const std::lock_guard lock(mutex);
  for (auto& one : state.segments) {
    if (one.segment != view.segment || one.device == copy) continue;
    one.device = copy;
    publish();
  }
}

void VectorIndex::Impl::build_beside_writes(const std::function<void()>& build, const std::stop_token& stop) {
  using namespace std::chrono_literals;
  auto building = std::async(std::launch::async, build);
  std::exception_ptr failure;
  while (building.wait_for(failure || stop.stop_requested() ? 1s : 50ms) != std::future_status::ready) {
    try {
      while (!failure && write_next(stop)) {
      }
    } catch (...) {
      failure = std::current_exception();  // the next step meets it again
    }
  }
  building.get();
}

bool VectorIndex::write_sealed(const std::stop_token& stop) { return impl_->write_next(stop); }

bool VectorIndex::maintain(const std::stop_token& stop) {
  impl_->remove_unneeded();
  // Sealed buffers are written first; but where they are sealed as quickly as they are written, merges have a turn now and then.
  constexpr std::size_t kWritesInARow = 2 * kFanOut;
  const bool turn_to_merge = impl_->writes_in_a_row >= kWritesInARow;
  if (!turn_to_merge && impl_->write_next(stop)) {
    ++impl_->writes_in_a_row;
    return true;
  }
  impl_->writes_in_a_row = 0;
  std::optional<Impl::Work> work;
  {
    const std::lock_guard lock(impl_->mutex);
    // Rows that are still to be restored go between segments that must not have been merged.
    const bool plannable = impl_->look_at_accelerator();
    if (plannable && !stop.stop_requested() && impl_->missing.empty()) {
      const auto planned_step = next_rebuild(impl_->planned(), impl_->state.buffered, impl_->state.plan);
      if (planned_step) work = impl_->take(*planned_step);
    }
  }
  if (!work) {
    if (turn_to_merge && impl_->write_next(stop)) return true;
    return !stop.stop_requested() && impl_->copy_next(stop);
  }
  std::shared_ptr<const SealedSegment> result;
  if (!work->empty) {
    const auto build = [&] { result = impl_->produce(*work, stop); };
    if (work->recipe.type == IndexType::kFlat) {
      build();
    } else {
      impl_->build_beside_writes(build, stop);
    }
    if (!result) return false;
  }
  impl_->replace(*work, result);
  return true;
}

}  // namespace clipdex::index
