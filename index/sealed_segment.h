// An immutable run of rows. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/approximation.h"
#include "index/device_copy.h"
#include "index/index_type.h"
#include "index/scan.h"

namespace clipdex::index {

// Numbers of operations; both ends belong to it.
struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// What a segment is made of. At least one row.
struct SegmentParts {
  std::shared_ptr<const void> memory;   // keeps rows and vectors where they are
  std::span<const std::uint64_t> rows;  // ascending
  const float* vectors = nullptr;       // [rows.size(), dimension], 64-byte aligned
  std::size_t dimension = 0;
  std::unique_ptr<const Approximation> approximation;  // over these vectors; null: the segment is flat
  // Operations that these rows show: the oldest and the newest that added or removed one of them.
  SequenceRange sequences;
  std::uint64_t file_number = 0;  // 0: not on disk
  std::uint64_t checksum = 0;     // of the file
  std::size_t mapped_bytes = 0;   // 0: allocated
};

// Immutable: any number of threads may search it.
class SealedSegment {
 public:
  explicit SealedSegment(SegmentParts parts);

  std::span<const std::uint64_t> rows() const { return parts_.rows; }
  const float* vectors() const { return parts_.vectors; }
  IndexType type() const { return type_; }
  bool on_disk() const { return parts_.file_number != 0; }
  const SegmentParts& parts() const { return parts_; }

  bool is_scanned(const SearchOptions& options) const { return options.exact || !parts_.approximation; }
  // As scan() if is_scanned(), otherwise as Approximation::search(). A copy on a device answers what it can.
  void search(std::span<const float> queries, std::size_t n, const SearchOptions& options, const Tombstones* deleted,
              const DeviceCopy* device, std::vector<std::vector<Hit>>& hits) const;
  ScanInput scan_input(const Tombstones* deleted, const RowSet* allowed = nullptr) const {
    return {.vectors = parts_.vectors, .rows = parts_.rows, .dimension = parts_.dimension, .deleted = deleted, .allowed = allowed};
  }
  std::size_t memory_bytes() const;

 private:
  void search_here(const ScanInput& input, std::span<const float> queries, std::size_t n, const SearchOptions& options,
                   std::vector<std::vector<Hit>>& hits) const;

  SegmentParts parts_;
  IndexType type_ = IndexType::kFlat;
};

// A segment and which of its rows are deleted.
struct SegmentView {
  std::shared_ptr<const SealedSegment> segment;
  SharedTombstones deleted;                  // may be null
  std::shared_ptr<const DeviceCopy> device;  // may be null

  // Whether it is searched in the pass that callers share, though there is an approximation. The same for all whose options are the
  // same but for the limit.
  bool is_on_device(const SearchOptions& options) const { return device && device->may_answer(options); }

  std::uint64_t rows() const { return segment->rows().size(); }
  std::uint64_t dead() const { return deleted ? deleted->count : 0; }
  std::uint64_t live() const { return rows() - dead(); }
  std::uint64_t deleted_since_copy() const { return dead() - (device ? device->dead : 0); }
};

}  // namespace clipdex::index
