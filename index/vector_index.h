// Approximate and exact search over unit vectors: immutable segments plus one growing buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace clipdex::index {

struct Hit {
  std::uint64_t row = 0;
  float score = 0;  // inner product; the cosine, since vectors are unit length
};

struct SearchOptions {
  std::size_t limit = 10;
  float min_score = -std::numeric_limits<float>::infinity();
  bool exact = false;  // scan everything, whatever the segments are
};

struct IndexStatistics {
  std::uint64_t rows = 0;      // live
  std::uint64_t deleted = 0;   // tombstones that still take memory
  std::uint64_t buffered = 0;  // rows of the growing buffer, live and deleted
  std::size_t segments = 0;    // sealed
  std::size_t memory_bytes = 0;
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
  std::vector<std::vector<Hit>> search(std::span<const float> queries, std::size_t n, const SearchOptions& options) const;

  IndexStatistics statistics() const;

 private:
  friend class VectorIndex;
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

struct IndexOptions {
  std::size_t dimension = 0;
  // The growing buffer becomes a segment at this many rows.
  std::size_t seal_rows = 16'384;
};

// snapshot() may be called from any thread at any time; the calls that change something belong to one writer at a time.
class VectorIndex {
 public:
  explicit VectorIndex(const IndexOptions& options);
  ~VectorIndex();
  VectorIndex(const VectorIndex&) = delete;
  VectorIndex& operator=(const VectorIndex&) = delete;

  // Adds rows.size() vectors (`vectors`: size rows.size() * dimension) and tombstones `removed`, then publishes both at once:
  // a snapshot shows all of it or nothing. `rows` ascend and are above every row added before. A removed row that is not there is ignored.
  // Throws std::invalid_argument if sizes or order are wrong; then nothing has changed.
  void apply(std::span<const std::uint64_t> rows, std::span<const float> vectors, std::span<const std::uint64_t> removed);

  std::shared_ptr<const Snapshot> snapshot() const;

  std::size_t dimension() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::index
