#include "engine/index_upkeep.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "engine/errors.h"
#include "engine/index_recovery.h"

namespace clipdex::engine {
namespace {

// Without new segments, after this many operations a checkpoint spares the next start reading them.
constexpr std::uint64_t kOperationsPerCheckpoint = 10'000;
constexpr std::chrono::seconds kPauseAfterFailure{30};
constexpr std::chrono::milliseconds kPauseBetweenTurns{100};
// A device that fails, or gives memory back late, tells nobody.
constexpr std::chrono::seconds kPauseBetweenLooks{10};
constexpr int kNiceness = 10;

}  // namespace

IndexUpkeep::IndexUpkeep(std::string name, storage::ImageStore& store, index::VectorIndex& index, CollectionWriter& writer,
                         std::shared_ptr<std::mutex> building, std::uint64_t checkpoint_sequence)
    : name_(std::move(name)),
      store_(store),
      index_(index),
      writer_(writer),
      building_(std::move(building)),
      durable_sequence_(checkpoint_sequence),
      noticed_(1),  // what recovery has left to do
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

IndexUpkeep::~IndexUpkeep() {
  thread_.request_stop();
  thread_.join();
}

void IndexUpkeep::notice() {
  {
    const std::lock_guard lock(mutex_);
    ++noticed_;
  }
  changed_.notify_all();
}

bool IndexUpkeep::finish(const std::function<bool()>& give_up) {
  std::unique_lock lock(mutex_);
  const auto wanted = ++noticed_;
  failure_ = nullptr;
  changed_.notify_all();
  while (!changed_.wait_for(lock, kPauseBetweenTurns, [&] { return handled_ >= wanted || failure_; })) {
    if (give_up()) return false;
  }
  if (failure_) std::rethrow_exception(failure_);
  return true;
}

void IndexUpkeep::run(const std::stop_token& stop) {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);  // of this thread alone, on Linux
  bool told = false, failed = false;
  while (true) {
    std::uint64_t noticed = 0;
    {
      std::unique_lock lock(mutex_);
      told = changed_.wait_for(lock, stop, kPauseBetweenLooks, [this] { return noticed_ > handled_; });
      if (stop.stop_requested()) return;
      noticed = noticed_;
    }
    std::exception_ptr failure;
    try {
      bool more = told || failed || index_.has_device_work();
      while (more && !stop.stop_requested()) more = step(stop);
    } catch (const std::exception& error) {
      failure = std::current_exception();
      spdlog::error("the index of \"{}\" could not be written or merged: {}. Searches go on with what is in memory; it is tried again",
                    name_, error.what());
    }
    std::unique_lock lock(mutex_);
    failure_ = failure;
    failed = failure != nullptr;
    if (!failure) handled_ = noticed;
    changed_.notify_all();
    if (failure && changed_.wait_for(lock, stop, kPauseAfterFailure, [&] { return noticed_ > noticed && !failure_; })) continue;
    if (stop.stop_requested()) return;
  }
}

bool IndexUpkeep::step(const std::stop_token& stop) {
  // What a write could not tell the index, for want of memory.
  if (index_.applied().sequence != store_.last_sequence()) {
    writer_.between_writes([this] {
      if (index_.applied().sequence != store_.last_sequence()) catch_up(store_, index_);
    });
  }
  const bool built = work(stop);
  checkpoint_due_ = checkpoint_due_ || built || store_.last_sequence() - durable_sequence_ >= kOperationsPerCheckpoint;
  if (checkpoint_due_) checkpoint();
  checkpoint_due_ = false;
  return built;
}

// While another collection builds, which takes minutes, what this one has sealed is written: memory and recovery do not wait for others.
bool IndexUpkeep::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (const std::unique_lock turn(*building_, std::try_to_lock); turn) return index_.maintain(stop);
    if (index_.write_sealed(stop)) return true;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kPauseBetweenTurns, [] { return false; });
  }
  return false;
}

void IndexUpkeep::checkpoint() {
  const std::lock_guard lock(files_mutex_);
  const auto made = writer_.between_writes([this] { return index_.checkpoint(); });
  if (!made) return;
  store_.put_index_manifest(made->manifest, made->sequence);
  index_.checkpointed(*made);
  durable_sequence_ = made->sequence;
}

}  // namespace clipdex::engine
