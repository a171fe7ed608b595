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
  std::vector<std::shared_ptr<const DeviceCopy>> copies;
  {
    const std::lock_guard lock(mutex);
    const auto& sources = work.recipe.sources;
    // The writer appends segments and changes tombstones; only this thread takes segments out.
    const auto first = std::find_if(state.segments.begin(), state.segments.end(),
                                    [&](const SegmentView& view) { return view.segment == sources.front().segment; });
    Change change(*this);
    std::vector<std::uint64_t> removed;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const auto& now = first[static_cast<std::ptrdiff_t>(i)];
      add_newly_deleted(sources[i], now, removed);
      if (now.device) copies.push_back(now.device);
    }
    const auto at = state.segments.erase(first, first + static_cast<std::ptrdiff_t>(sources.size()));
    if (result) {
      if (result->on_disk()) on_disk.insert(work.number);
      state.segments.insert(at, {result, with_removed(nullptr, result->rows(), removed), nullptr});
    }
    publish();
    change.keep();
  }
  let_go(copies);
  copies.clear();
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
  impl_->settle();
  std::optional<Impl::Work> work;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->look_at_accelerator();
    // Rows that are still to be restored go between segments that must not have been merged.
    if (!stop.stop_requested() && impl_->missing.empty()) {
      const auto planned_step = next_rebuild(impl_->planned(), impl_->state.buffered, impl_->state.plan);
      if (planned_step) work = impl_->take(*planned_step);
    }
  }
  if (!work) {
    if (turn_to_merge && impl_->write_next(stop)) return true;
    return !stop.stop_requested() && impl_->improve_copies(stop);
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
