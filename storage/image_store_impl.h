// What the parts of ImageStore share. Private to storage/.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/database.h"
#include "storage/image_store.h"
#include "storage/store_counters.h"

namespace clipdex::storage {

struct ImageStore::Impl {
  Impl(std::filesystem::path store_directory, StoreOptions store_options)
      : directory(std::move(store_directory)), options(std::move(store_options)) {}

  // The open database, for one call: while somebody holds it, it is not closed. Waits while it is opened again, which is short; throws
  // std::runtime_error if that has failed.
  std::shared_ptr<const Database> use() const;

  void step(std::string_view name) const {
    if (options.on_durable_step) options.on_durable_step(name);
  }

  // Reads what open() and create() need: version, facts and counters.
  void load();

  // The live records of these rows, as many entries as rows, in their order.
  std::vector<std::optional<ImageRecord>> records(const Database& database, std::span<const std::uint64_t> rows,
                                                  const rocksdb::ReadOptions& read_options) const;

  // Opens the database again if a full disk stopped it, under write_mutex, before a batch of about that size is made. Throws DiskFullError.
  void make_writable(std::uint64_t bytes);
  // Writes and syncs the batch, under write_mutex. `sequence` is the newest operation in it, 0 if there is none.
  void commit(rocksdb::WriteBatch& batch, std::uint64_t sequence);

  const std::filesystem::path directory;
  const StoreOptions options;
  StoreInfo info;

  std::mutex write_mutex;                // held while the database changes
  StoreCounters counters;                // under write_mutex
  std::string stopped;                   // under write_mutex: why RocksDB takes no writes until it is opened again; empty: it does
  std::uint64_t free_bytes_in_vain = 0;  // under write_mutex: so much room was not enough to open it again
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> last_sequence{0};

 private:
  // Closes the database and opens it again, which is how writes go on after a full disk. False if that cannot be now.
  bool reopen(std::uint64_t room_needed);
  bool drain(std::unique_lock<std::mutex>& lock);
  void publish_counters(const StoreCounters& now);

  friend class ImageStore;
  mutable std::mutex database_mutex_;
  mutable std::condition_variable drained_;   // nobody is kept waiting any more
  bool draining_ = false;                     // under database_mutex_: use() waits, so that those who hold the database come to an end
  std::shared_ptr<const Database> database_;  // under database_mutex_
};

}  // namespace clipdex::storage
