// Approximate and exact search over unit vectors: immutable segments, on disk where there is a directory, plus one growing buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "index/accelerator.h"
#include "index/index_type.h"
#include "index/scan_thresholds.h"
#include "index/snapshot.h"

namespace clipdex::index {

struct IndexOptions {
  std::size_t dimension = 0;
  IndexType type = IndexType::kAuto;
  // Where the segments' files are; it belongs to one index alone. Empty: in memory only, and nothing outlives the object.
  std::filesystem::path directory;
  // Of the model that the vectors are from: segments of another one are not opened.
  std::string fingerprint;
  // The growing buffer becomes a segment at this many rows.
  std::size_t seal_rows = 8'192;
  // Segments of fewer rows are scanned, whatever the type, and with kAuto a whole index of fewer rows. 0: 5,000, and 20,000 for the whole.
  std::size_t approximate_rows_min = 0;
  // Where approximations scan all the same.
  ScanThresholds scan_thresholds;
  // What kAuto plans with. 0: half of what the machine (or its container) has.
  std::size_t memory_bytes_max = 0;
  // Keeps copies of large segments, as far as it has room. May be null.
  std::shared_ptr<Accelerator> accelerator;
  // Threads of OpenMP's that build an approximation.
  int build_threads = 1;
  // Called with one of durable_steps() between each two steps that reach the disk, for tests of crashes. What it throws goes through the
  // call that was under way, which is then undone as after any other failure.
  std::function<void(std::string_view)> on_durable_step;
};

// What on_durable_step is called with.
std::span<const std::string_view> durable_steps();

// What open() found, and what the caller has to do before the index is whole: in the order of the fields.
struct OpenReport {
  // The newest operation that the manifest or any sidecar in the directory, named by the manifest or not, has seen. A storage whose last
  // operation is older has lost some: nothing has been removed from the directory then, until maintain() or checkpointed() is called.
  std::uint64_t newest_sequence = 0;
  // Rows of segments whose files are missing or bad: their live rows are to be handed back with restore(). Ascending, disjoint.
  std::vector<RowRange> missing;
  // Live rows from here on are to be added with apply().
  std::uint64_t next_row = 0;
  // Removals of later operations are to be applied; older ones are in the segments.
  std::uint64_t sequence = 0;
  // One sentence for each bad file, with its cause.
  std::vector<std::string> problems;
};

// A state of the index that can be opened again.
struct Checkpoint {
  std::string manifest;        // for open(); versioned and with a checksum
  std::uint64_t sequence = 0;  // OpenReport::sequence and next_row when this is opened
  std::uint64_t next_row = 0;
  std::vector<std::uint64_t> segments;  // numbers of the files that it names, ascending
};

// snapshot(), applied(), files() and dimension() may be called from any thread at any time. apply(), restore(), seal() and checkpoint()
// belong to one writer at a time; maintain(), write_sealed(), has_device_work() and checkpointed() to one background thread at a time, at
// the same time as the writer.
class VectorIndex {
 public:
  // Without a directory. Throws std::invalid_argument for impossible options.
  explicit VectorIndex(const IndexOptions& options);
  ~VectorIndex();
  VectorIndex(const VectorIndex&) = delete;
  VectorIndex& operator=(const VectorIndex&) = delete;

  // Opens the segments that `manifest` (a Checkpoint's; empty: none yet) names in options.directory, which is made if it is not there.
  // A bad manifest, segment or sidecar is reported and never used. Throws std::invalid_argument for impossible options, and
  // std::filesystem::filesystem_error where the directory cannot be made or read.
  static std::unique_ptr<VectorIndex> open(const IndexOptions& options, std::string_view manifest, OpenReport& report);

  // Hands back rows of a missing segment. `range` is one of OpenReport::missing or a part of one, `rows` (ascending) are all live rows in
  // it, `vectors`: size rows.size() * dimension. Until a range is handed back, checkpoints name it as missing. Throws
  // std::invalid_argument.
  void restore(RowRange range, std::span<const std::uint64_t> rows, std::span<const float> vectors);

  // Adds rows.size() vectors (`vectors`: size rows.size() * dimension) and tombstones `removed`, then publishes both at once:
  // a snapshot shows all of it or nothing. `rows` ascend and are above every row added before. A removed row that is not there is ignored.
  // `sequence`: number of the operation, ascending; 0 where operations have none.
  // Throws std::invalid_argument if sizes or order are wrong, or std::bad_alloc; then nothing has changed.
  void apply(std::span<const std::uint64_t> rows, std::span<const float> vectors, std::span<const std::uint64_t> removed,
             std::uint64_t sequence = 0);

  // What was applied so far: the newest operation, and the row that the next one must not be below.
  struct Applied {
    std::uint64_t sequence = 0;
    std::uint64_t next_row = 0;
  };
  Applied applied() const;

  // Makes a segment of the growing buffer now, if there is anything in it. The segment is searched at once and written by maintain().
  void seal();

  // One step of background work: writes a sealed segment's files, merges, rebuilds or builds an approximation (segment_plan.h says which),
  // and publishes the result. False: there was nothing to do, or it was stopped. It needs no lock that apply() or snapshot() wait for
  // longer than it takes to swap segments. Throws DiskFullError, or std::system_error for another failure of the disk; its temporary files
  // are removed then, and the index goes on with what it had.
  bool maintain(const std::stop_token& stop = {});
  // The part of it that is quick and that memory and recovery wait for: writes one sealed segment's files. False: there is none.
  bool write_sealed(const std::stop_token& stop = {});

  // Whether maintain() may find something to do for the accelerator that it had not when it was called last: a device has failed, has
  // given memory back or is about to. No write tells of that, so it is to be asked now and then. False where there is none.
  bool has_device_work() const;

  // What is to be stored durably now, as one operation with or after everything that was applied; nullopt if nothing has changed since the
  // last one that checkpointed() was called for. When it is stored, call checkpointed(): only then are files removed that it no longer
  // names, and operations up to its sequence are needed no more. Without a directory: nullopt.
  std::optional<Checkpoint> checkpoint();
  void checkpointed(const Checkpoint& checkpoint);

  // The files of the last checkpoint that is durable: complete and immutable. They stay until the next call of checkpointed().
  std::vector<std::filesystem::path> files() const;

  std::shared_ptr<const Snapshot> snapshot() const;

  std::size_t dimension() const;

 private:
  struct Impl;
  explicit VectorIndex(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::index
