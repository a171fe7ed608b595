// Changes of a collection, several requests' in one synced write. Private to engine/.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/metrics.h"
#include "engine/waiting_line.h"
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
  CollectionWriter(storage::ImageStore& store, index::VectorIndex& index, Metrics& metrics)
      : store_(store), index_(index), metrics_(metrics) {}
  CollectionWriter(const CollectionWriter&) = delete;
  CollectionWriter& operator=(const CollectionWriter&) = delete;

  // When it returns, the change is durable and the next search sees it. Throws what decide() threw, DiskFullError or another exception of
  // the store; then nothing of it was stored, or, where only the disk's word is missing that it is durable, all of it.
  void write(const Change& change);

  // Waits, for a moment, until searches see what the store holds now: between a write's two ends they do not.
  void wait_until_published();

  // What is done while no write is under way; what was durable before is published then.
  template <typename Action>
  auto between_writes(const Action& action) {
    const std::lock_guard lock(write_mutex_);
    return action();
  }

 private:
  struct Waiting : WaitingCaller {
    const Change* change = nullptr;
  };

  static std::size_t group_size(const std::deque<Waiting*>& line);
  void commit(std::span<Waiting* const> group) noexcept;
  void publish(const storage::WriteResult& written, std::vector<float> vectors);

  storage::ImageStore& store_;
  index::VectorIndex& index_;
  Metrics& metrics_;
  WaitingLine<Waiting> line_;
  std::mutex write_mutex_;  // from the decision to the publication
  std::mutex published_mutex_;
  std::condition_variable published_;
};

}  // namespace clipdex::engine
