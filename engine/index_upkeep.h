// What happens to a collection's index in the background: files, merges, checkpoints. Private to engine/.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/collection_writer.h"
#include "index/vector_index.h"
#include "storage/image_store.h"

namespace clipdex::engine {

// One thread of low priority a collection; builds of all collections take turns. Any thread may call it.
class IndexUpkeep {
 public:
  // `building`: held by whoever builds. `checkpoint_sequence`: of the last checkpoint. All references must outlive it.
  IndexUpkeep(std::string name, storage::ImageStore& store, index::VectorIndex& index, CollectionWriter& writer,
              std::shared_ptr<std::mutex> building, std::uint64_t checkpoint_sequence);
  // Breaks off what is under way: it loses nothing, and is done again after the next start.
  ~IndexUpkeep();
  IndexUpkeep(const IndexUpkeep&) = delete;
  IndexUpkeep& operator=(const IndexUpkeep&) = delete;

  // After each write: there may be something to do.
  void notice();

  // Runs `action` while neither the index's files nor the manifest in the store that names them change.
  template <typename Action>
  auto with_files_held(const Action& action) {
    const std::lock_guard lock(files_mutex_);
    return action();
  }

  // Waits until there is nothing to do, or `give_up` says so (asked every tenth of a second): false then. Throws what the background could
  // not do.
  bool finish(const std::function<bool()>& give_up);

 private:
  void run(const std::stop_token& stop);
  bool step(const std::stop_token& stop);
  bool work(const std::stop_token& stop);
  void checkpoint();

  const std::string name_;
  storage::ImageStore& store_;
  index::VectorIndex& index_;
  CollectionWriter& writer_;
  std::shared_ptr<std::mutex> building_;
  std::mutex files_mutex_;
  // The thread's own:
  std::uint64_t durable_sequence_;  // of the last checkpoint
  bool checkpoint_due_ = false;     // the index's files are others since
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t noticed_ = 0, handled_ = 0;
  std::exception_ptr failure_;  // of the last attempt
  std::jthread thread_;
};

}  // namespace clipdex::engine
