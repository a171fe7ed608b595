// Changes of a collection, several requests' in one synced write. Private to engine/.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/metrics.h"
#include "index/vector_index.h"
#include "storage/image_store.h"

namespace clipdex::engine {

// What one request wants changed.
struct Change {
  std::vector<std::string> ids;  // all that it may touch
  std::size_t bytes = 0;         // about what it writes
  // What to write, decided against the store as it is at that moment: nothing else writes between this and the write itself.
  std::function<storage::WriteRequest()> decide;
};

// Requests that come while another one's write is being synced wait together and are written together by one of them, with one sync for all
// (group commit). Changes of the same image never share a write: they are decided one after the other. Any thread may call it.
class CollectionWriter {
 public:
  CollectionWriter(storage::ImageStore& store, index::VectorIndex& index, Metrics& metrics) : store_(store), index_(index), metrics_(metrics) {}
  CollectionWriter(const CollectionWriter&) = delete;
  CollectionWriter& operator=(const CollectionWriter&) = delete;

  // When it returns, the change is durable and the next search sees it. Throws what decide() threw, DiskFullError or another exception of the
  // store; then nothing of it was stored.
  void write(const Change& change);

  // What is done while no write is under way; what was durable before is published then.
  template <typename Action>
  auto between_writes(const Action& action) {
    const std::lock_guard lock(write_mutex_);
    return action();
  }

 private:
  struct Waiting {
    const Change* change;
    std::exception_ptr error;
    bool done = false;
  };

  std::vector<Waiting*> next_group();  // with queue_mutex_ held
  void commit(std::span<Waiting* const> group) noexcept;

  storage::ImageStore& store_;
  index::VectorIndex& index_;
  Metrics& metrics_;
  std::mutex queue_mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> queue_;
  bool writing_ = false;    // one of the callers, for itself and others
  std::mutex write_mutex_;  // from the decision to the publication
};

}  // namespace clipdex::engine
