// What a search is asked and what it sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "index/index_type.h"

namespace clipdex::index {

class RowSet;

struct Hit {
  std::uint64_t row = 0;
  float score = 0;  // inner product; the cosine, since vectors are unit length
};

struct SearchOptions {
  std::size_t limit = 10;
  float min_score = -std::numeric_limits<float>::infinity();
  bool exact = false;  // scan everything, whatever the segments are
  // Only these rows are hits. May be null (all are); must outlive the call.
  const RowSet* allowed = nullptr;
  // How hard approximate segments are searched (HNSW: efSearch; IVF: nprobe). 0: enough for a recall@10 of about 0.95. The program leaves
  // it at 0; tests and benchmarks set it, to measure how recall and time depend on it.
  std::size_t effort = 0;
};

struct SegmentStatistics {
  RowRange range;             // its first and its last row
  std::uint64_t rows = 0;     // live and deleted
  std::uint64_t deleted = 0;  // tombstones
  IndexType type = IndexType::kFlat;
  std::string parameters;          // of its approximation: a JSON object
  std::uint64_t approximated = 0;  // queries that its approximation has answered without a scan, since it was built or opened
  bool on_disk = false;
  std::size_t mapped_bytes = 0;
  std::size_t device_bytes = 0;  // 0: no device has a copy of it
  std::size_t memory_bytes = 0;
};

struct IndexStatistics {
  std::uint64_t rows = 0;        // live
  std::uint64_t deleted = 0;     // tombstones that still take memory
  std::uint64_t buffered = 0;    // rows of the growing buffer, live and deleted
  std::size_t segments = 0;      // sealed
  std::size_t memory_bytes = 0;  // allocated
  std::size_t mapped_bytes = 0;  // of files, which the system may drop and read again
  std::size_t device_bytes = 0;  // of an accelerator's memory
  std::vector<SegmentStatistics> segment_details;
  // What type segments of these many rows get, and why: a sentence for people.
  std::string explanation;
};

// What a search sees: the rows that were published when it was taken, for as long as it is held.
// Immutable: any number of threads may search one snapshot.
class Snapshot {
 public:
  Snapshot();
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // `queries`: size n * dimension, row-major. Returns n lists, best first, ties by smaller row; each at most options.limit long.
  // Exact over flat segments and the buffer, and everywhere if options.exact; approximate segments, and flat ones that have a graph on a
  // device, give most of the best.
  std::vector<std::vector<Hit>> search(std::span<const float> queries, std::size_t n, const SearchOptions& options) const;

  IndexStatistics statistics() const;

 private:
  friend class VectorIndex;
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace clipdex::index
