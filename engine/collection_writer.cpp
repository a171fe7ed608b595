#include "engine/collection_writer.h"

#include <chrono>
#include <iterator>
#include <new>
#include <utility>

#include "engine/crash_point.h"
#include "engine/index_recovery.h"

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
  Waiting mine;
  mine.change = &change;
  line_.pass(mine, group_size, [this](std::span<Waiting* const> group) { commit(group); });
}

std::size_t CollectionWriter::group_size(const std::deque<Waiting*>& line) {
  std::set<std::string_view> ids;
  std::size_t callers = 0, bytes = 0;
  for (const auto* one : line) {
    const auto& change = *one->change;
    bool apart = callers > 0 && bytes + change.bytes > kGroupBytesMax;
    for (const auto& id : change.ids) apart = apart || ids.contains(id);
    if (apart) break;
    ids.insert(change.ids.begin(), change.ids.end());
    bytes += change.bytes;
    ++callers;
  }
  return callers;
}

void CollectionWriter::wait_until_published() {
  constexpr std::chrono::milliseconds kPatience{100};
  const auto sequence = store_.last_sequence();
  std::unique_lock lock(published_mutex_);
  published_.wait_for(lock, kPatience, [&] { return index_.applied().sequence >= sequence; });
}

void CollectionWriter::commit(std::span<Waiting* const> group) noexcept {
  const std::lock_guard lock(write_mutex_);
  try {
    // A request is decided by what searches see, too: who asks again after a failure must not be told that nothing has changed.
    if (index_.applied().sequence != store_.last_sequence()) catch_up(store_, index_);
  } catch (...) {
    for (auto* one : group) one->error = std::current_exception();
    return;
  }
  storage::WriteRequest all;
  for (auto* one : group) {
    try {
      auto request = one->change->decide();
      // Before anything is moved: a request is taken whole or not at all.
      all.images.reserve(all.images.size() + request.images.size());
      all.deleted_ids.reserve(all.deleted_ids.size() + request.deleted_ids.size());
      all.changed.reserve(all.changed.size() + request.changed.size());
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
    publish(written, std::move(vectors));
    crash_point("write: published");
  } catch (...) {
    for (auto* one : group) {
      if (!one->error) one->error = std::current_exception();
    }
  }
}

void CollectionWriter::publish(const storage::WriteResult& written, std::vector<float> vectors) {
  const StageTimer applying(metrics_.index_apply);
  // Behind a write whose sync failed there may be operations that the index has not heard of.
  bool applied = false;
  if (written.sequence <= index_.applied().sequence + 1) {
    try {
      index_.apply(written.rows, vectors, written.removed_rows, written.sequence);
      applied = true;
    } catch (const std::bad_alloc&) {
      std::vector<float>().swap(vectors);
    }
  }
  if (!applied) catch_up(store_, index_);
  const std::lock_guard lock(published_mutex_);
  published_.notify_all();
}

}  // namespace clipdex::engine
