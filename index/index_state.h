// What a VectorIndex consists of. Private to index/.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/quantized_lists.h"
#include "index/segment_file.h"
#include "index/snapshot_state.h"
#include "index/vector_index.h"

namespace clipdex::index {

// The rows as they are after what was applied, to the writer.
struct IndexState {
  SnapshotState state;                    // a snapshot is a copy of it
  std::shared_ptr<GrowingBuffer> buffer;  // the same as state.buffer, writable
  SequenceRange buffer_sequences;
  std::uint64_t next_row = 0;       // above every row added so far
  std::uint64_t last_sequence = 0;  // newest operation applied
  std::vector<RowRange> missing;    // still to be restored; ascending, disjoint
};

// A change that is whole or not at all: unless it is kept, the state becomes what it was. What was appended to the buffer meanwhile is
// behind what any snapshot sees of it.
class Change {
 public:
  explicit Change(IndexState& state) : state_(state), before_(state) {}
  ~Change() {
    if (!kept_) state_ = std::move(before_);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  void keep() { kept_ = true; }

 private:
  IndexState& state_;
  IndexState before_;
  bool kept_ = false;
};

struct VectorIndex::Impl : IndexState {
  // A step of maintain() that was begun.
  struct Work {
    SegmentRecipe recipe;
    std::uint64_t number = 0;  // of the result's file
    bool empty = true;         // no live row is left
  };

  // What a device has of a segment: nothing, what is of little use since many of its rows were deleted, or codes, and not vectors.
  enum class Urgency { kNone, kWorn, kBetter };
  struct WantedCopy {
    SegmentView view;
    std::optional<QuantizedLists> lists;  // nothing: the vectors
    std::size_t bytes = 0;
    Urgency urgency = Urgency::kNone;
  };

  explicit Impl(const IndexOptions& options_);

  void check(std::span<const std::uint64_t> rows, std::span<const float> vectors) const;
  void step(std::string_view name) const {
    if (options.on_durable_step) options.on_durable_step(name);
  }

  // The caller holds `mutex` for these.
  void add(std::span<const std::uint64_t> rows, std::span<const float> vectors, std::uint64_t sequence);
  void remove(std::span<const std::uint64_t> removed);
  void seal();
  void publish();
  std::vector<PlannedSegment> planned() const;
  Work take(const PlannedStep& planned_step);

  // These take `mutex` where they need it, and never for long. maintain() alone makes segments of segments.
  std::shared_ptr<const SealedSegment> produce(const Work& work, const std::stop_token& stop) const;
  // Puts the result (null: no row was left) in the place of its sources, with what was removed since they were taken, and publishes.
  void replace(const Work& work, const std::shared_ptr<const SealedSegment>& result);
  // Writes one sealed segment that is not on disk. False: there is none, or it was stopped.
  bool write_next(const std::stop_token& stop);
  // Runs what takes long on a thread of its own; sealed segments are written meanwhile, so that memory and recovery do not wait for it.
  void build_beside_writes(const std::function<void()>& build, const std::stop_token& stop);
  // What of the index a device has (device_upkeep.cpp). For maintain()'s thread alone.
  // Drops copies of no use, and tells the plan how many rows the device could hold. `mutex` is held.
  void look_at_accelerator();
  // Waits for the device to count what it can have back now.
  void settle();
  // After they were published no more.
  void let_go(const std::vector<std::shared_ptr<const DeviceCopy>>& copies);
  std::vector<SegmentView> views() const;
  // One step: the most urgent copy is made, or graphs make room for one, or a graph is built. False: there was nothing to do, or no room,
  // or it was stopped.
  bool improve_copies(const std::stop_token& stop);
  // What there is room for, the most urgent first.
  std::vector<WantedCopy> missing_copies(const std::vector<SegmentView>& all) const;
  std::optional<WantedCopy> missing_copy(const SegmentView& view) const;
  bool was_refused(const SegmentView& view, std::size_t bytes, std::size_t room) const;
  bool copy(WantedCopy wanted, const std::stop_token& stop);
  void await_memory(const std::stop_token& stop);  // a second at most
  bool is_copied(const SegmentView& view) const;   // where there is room
  std::size_t bytes_of_vectors(const SegmentView& view) const;
  // Whether the vectors are not there, and would have room without the graphs, which take so many bytes.
  bool would_fit_without_graphs(const SegmentView& view, std::size_t graphs) const;
  bool graphs_are_in_the_way(const std::vector<SegmentView>& all) const;
  void drop_graphs(const std::vector<SegmentView>& all);
  // The first that is to have one.
  std::optional<SegmentView> without_graph(const std::vector<SegmentView>& all) const;
  // Searches use the copy as it is meanwhile.
  void add_graph(const SegmentView& view, const std::stop_token& stop);
  void publish_copy(const SegmentView& view, const std::shared_ptr<const DeviceCopy>& copy);
  // Removes the files that neither the current state nor a checkpoint needs.
  void remove_unneeded();

  // For open(): the newest sequence, the highest number and the files that nothing needs.
  void look_around(OpenReport& report);

  const IndexOptions options;

  // maintain()'s own:
  std::size_t writes_in_a_row = 0;  // its last steps that each wrote a sealed buffer
  bool memory_is_late = false;      // since settle(): searches still hold what was let go of
  // A copy of so many bytes was not taken though there seemed to be so much room: the like is not tried again until there is more.
  struct Refusal {
    std::size_t bytes = 0, room = 0;
  };
  std::map<std::weak_ptr<const SealedSegment>, Refusal, std::owner_less<>> refused;

  // Held by whoever changes IndexState and what follows: the writer, and maintain() for as long as it takes to look and to swap segments.
  mutable std::mutex mutex;
  std::uint64_t next_file = 1;
  std::set<std::uint64_t> on_disk;               // numbers of the files that are ours
  std::set<std::uint64_t> durable;               // of those, what the last durable checkpoint names
  std::set<std::uint64_t> pending;               // and those that were handed out since
  std::string durable_manifest;                  // the last one that is stored
  std::vector<std::filesystem::path> left_over;  // what open() found in the directory and nothing needs

  // Held only for the copy of a pointer. (std::atomic<std::shared_ptr> of this standard library is a lock too, one that ThreadSanitizer
  // cannot see.)
  mutable std::mutex published_mutex;
  std::shared_ptr<const Snapshot> published;
};

// Adds those of `removed` (ascending) that are among `rows` to a copy of `deleted`; the old one stays as its snapshots saw it.
SharedTombstones with_removed(SharedTombstones deleted, std::span<const std::uint64_t> rows, std::span<const std::uint64_t> removed);

// A segment in memory whose storage is the buffer's first `count` rows.
std::shared_ptr<const SealedSegment> sealed(std::shared_ptr<const GrowingBuffer> buffer, std::size_t count, std::size_t dimension,
                                            SequenceRange sequences);

}  // namespace clipdex::index
