// The durable step of a write, and what happens when the disk is full.
#include <array>
#include <chrono>
#include <thread>

#include "storage/image_store_impl.h"

namespace clipdex::storage {
namespace {

// Room that is asked for: the batch's record in the log, the file that is made of it, and RocksDB's own new files.
constexpr std::uint64_t kRoomPerByte = 2;
constexpr std::uint64_t kRoomForNewFiles = std::uint64_t{1} << 20;

constexpr std::array<std::string_view, 7> kDurableSteps{"write: begin",      "write: durable",   "manifest: begin",    "manifest: durable",
                                                        "checkpoint: begin", "checkpoint: made", "checkpoint: durable"};

constexpr auto kWaitForReaders = std::chrono::seconds(2);
constexpr auto kKeptWaiting = std::chrono::milliseconds(100);
constexpr auto kPoll = std::chrono::milliseconds(1);

}  // namespace

std::span<const std::string_view> durable_steps() { return kDurableSteps; }

void ImageStore::Impl::make_writable(std::uint64_t bytes) {
  if (stopped.empty()) return;
  if (!reopen(kRoomPerByte * bytes)) fail(directory, "cannot write", rocksdb::Status::IOError(stopped));
  // What failed in its sync alone is there now.
  publish_counters(read_counters(*use()));
}

void ImageStore::Impl::commit(rocksdb::WriteBatch& batch, std::uint64_t sequence) {
  const char* const begin = sequence > 0 ? "write: begin" : "manifest: begin";
  const char* const durable = sequence > 0 ? "write: durable" : "manifest: durable";
  rocksdb::WriteOptions write_options;
  write_options.sync = true;
  const auto try_once = [&] {
    const auto status = use()->db().Write(write_options, &batch);
    if (!status.ok()) stopped = status.ToString();
    return status;
  };
  step(begin);
  auto status = try_once();
  if (!status.ok()) {
    if (!reopen(kRoomPerByte * batch.GetDataSize())) fail(directory, "cannot write", status);
    // The batch is there if only its sync failed.
    const bool written = sequence > 0 && read_counters(*use()).last_sequence == sequence;
    if (!written) status = try_once();
    if (!written && !status.ok()) fail(directory, "cannot write", status);
  }
  step(durable);
}

// RocksDB takes no writes after a full disk, be it in a write, a flush or a compaction, until it is told to look again. Its DB::Resume() is
// no way to do that: flushes that were queued when it stopped are never scheduled again, and it may wait for them for ever
// (BackgroundFlush() returns before it takes its request from the queue, but unscheduled_flushes_ was counted down; RocksDB 9.10). Opening
// it again has no such state: everything acknowledged is in the log.
bool ImageStore::Impl::reopen(std::uint64_t room_needed) {
  std::unique_lock lock(database_mutex_);
  if (database_) {
    const auto free_bytes = database_->free_bytes();
    if (free_bytes && *free_bytes < room_needed + kRoomForNewFiles) return false;
    // What is moved from the log to files when it is opened may not fit even so; trying that again is of no use before there is more room.
    if (free_bytes && *free_bytes <= free_bytes_in_vain) return false;
    if (!drain(lock)) return false;
    database_.reset();
  }
  try {
    database_ = std::make_shared<const Database>(directory, options, Database::Mode::kOpen);
    stopped.clear();
    free_bytes_in_vain = 0;
    return true;
  } catch (const std::exception& error) {
    // No room after all, or another failure, which is tried again with the next write. Reads go on.
    stopped = error.what();
    database_ = std::make_shared<const Database>(directory, options, Database::Mode::kReadOnly);
    if (dynamic_cast<const DiskFullError*>(&error) != nullptr) free_bytes_in_vain = database_->free_bytes().value_or(0);
    return false;
  }
}

// Waits until nobody else holds the database. Those who read for a moment at a time, however many, are kept waiting for a moment; whoever
// reads for long (an export) is waited for, up to a limit, and nobody with him. False if somebody holds it still.
bool ImageStore::Impl::drain(std::unique_lock<std::mutex>& lock) {
  const auto start = std::chrono::steady_clock::now();
  draining_ = true;
  const auto let_go_on = [this] {
    draining_ = false;
    drained_.notify_all();
  };
  while (database_.use_count() > 1) {
    const auto waited = std::chrono::steady_clock::now() - start;
    if (draining_ && waited > kKeptWaiting) let_go_on();
    if (waited > kWaitForReaders) return false;
    lock.unlock();
    std::this_thread::sleep_for(kPoll);
    lock.lock();
  }
  let_go_on();
  return true;
}

}  // namespace clipdex::storage
