#include "engine/collection_writer.h"

#include <iterator>
#include <utility>

#include "engine/crash_point.h"

namespace clipdex::engine {
namespace {

// A group is no larger than this, unless one change alone is.
constexpr std::size_t kGroupBytesMax = std::size_t{32} << 20;

template <typename Item>
void move_behind(std::vector<Item>& all, std::vector<Item>& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

void CollectionWriter::write(const Change& change) {
  const GaugeHold queued(metrics_.write_queue);
  Waiting mine{.change = &change, .error = nullptr};
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(&mine);
  changed_.wait(lock, [&] { return mine.done || (!writing_ && queue_.front() == &mine); });
  if (!mine.done) {
    const auto group = next_group();
    writing_ = true;
    lock.unlock();
    commit(group);
    lock.lock();
    for (auto* one : group) one->done = true;
    writing_ = false;
    changed_.notify_all();
  }
  lock.unlock();
  if (mine.error) std::rethrow_exception(mine.error);
}

std::vector<CollectionWriter::Waiting*> CollectionWriter::next_group() {
  std::vector<Waiting*> group;
  std::set<std::string_view> ids;
  std::size_t bytes = 0;
  for (auto* one : queue_) {
    const auto& change = *one->change;
    bool apart = !group.empty() && bytes + change.bytes > kGroupBytesMax;
    for (const auto& id : change.ids) apart = apart || ids.contains(id);
    if (apart) break;
    ids.insert(change.ids.begin(), change.ids.end());
    bytes += change.bytes;
    group.push_back(one);
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(group.size()));
  return group;
}

void CollectionWriter::commit(std::span<Waiting* const> group) noexcept {
  const std::lock_guard lock(write_mutex_);
  storage::WriteRequest all;
  for (auto* one : group) {
    try {
      auto request = one->change->decide();
      move_behind(all.images, request.images);
      move_behind(all.deleted_ids, request.deleted_ids);
      move_behind(all.changed, request.changed);
    } catch (...) {
      one->error = std::current_exception();
    }
  }
  if (all.images.empty() && all.deleted_ids.empty() && all.changed.empty()) return;
  try {
    std::vector<float> vectors;
    if (!all.images.empty()) vectors.reserve(all.images.size() * all.images.front().embedding.size());
    for (const auto& image : all.images) vectors.insert(vectors.end(), image.embedding.begin(), image.embedding.end());
    crash_point("write: decided");
    StageTimer storing(metrics_.store_write);
    const auto written = store_.write(std::move(all));
    storing.stop();
    crash_point("write: stored");
    const StageTimer applying(metrics_.index_apply);
    index_.apply(written.rows, vectors, written.removed_rows, written.sequence);
    crash_point("write: published");
  } catch (...) {
    for (auto* one : group) {
      if (!one->error) one->error = std::current_exception();
    }
  }
}

}  // namespace clipdex::engine
