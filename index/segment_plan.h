// Which segments are written, merged and rebuilt, when, and as what. Private to index/.
//
// Sealed buffers are flat and as large as the buffer. A segment's tier is the logarithm of its live rows, to base kFanOut, of the buffer's
// size. kFanOut adjacent segments of a tier (with smaller ones between them) are merged into one of the next, and if that completes the
// next tier too, everything is merged at once. Segments that never get kFanOut neighbours of their tier (deletions make segments of any
// size) are merged when there are more than kFanOut - 1 of them a tier. So that is the bound on their number, and rows of the segments
// always are ascending, disjoint runs.
//
// Copying rows is cheap (it is bound by the disk) and building a graph or codes is not: 1 ms a row and more. So sealed buffers are written
// first, then merges of flat segments that are due are done, flat again; only when nothing of this is left to do is an approximation built
// for a flat segment that is large enough, together with the flat ones beside it. During a bulk load, which is quicker than any build,
// buffers that are sealed while a build runs are written beside it and then merged in one step however many there are: the total work stays
// near one build of everything. Where rows arrive slowly, each is built once a tier: 1 + log4(1M / 8k) = 4.5 times on its way to a million.
// A merge that takes in an approximate segment builds the result's approximation in the same step, so that no row that was searched quickly
// is scanned meanwhile.
//
// A segment with more than kDeadShare of tombstones is rebuilt alone; one without live rows is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "index/index_type.h"

namespace clipdex::index {

inline constexpr std::size_t kFanOut = 4;
inline constexpr double kDeadShare = 0.15;

struct PlanOptions {
  IndexType type = IndexType::kAuto;
  std::size_t dimension = 0;
  std::size_t seal_rows = 0;
  std::size_t approximate_rows_min = 0;  // of a segment, for its own approximation
  std::size_t auto_rows_min = 0;         // of all together; kAuto scans fewer
  std::size_t memory_bytes_max = 0;
  std::uint64_t device_rows_max = 0;  // that a device has room for; kAuto has it scan them
  bool on_disk = false;
};

struct PlannedSegment {
  std::uint64_t rows = 0;  // live and deleted
  std::uint64_t deleted = 0;
  IndexType type = IndexType::kFlat;
  bool on_disk = false;
};

// segments[first, first + count) become one segment of this type, without their deleted rows.
struct PlannedStep {
  std::size_t first = 0;
  std::size_t count = 0;
  IndexType type = IndexType::kFlat;
  bool operator==(const PlannedStep&) const = default;
};

// What a segment of `rows` live rows is to be, in a collection of `rows_total`: kFlat, kHnsw or kIvfPq.
IndexType type_for(std::uint64_t rows, std::uint64_t rows_total, const PlanOptions& options);
// The same for all rows in one segment, with the reason, as a sentence.
std::string explain_type(std::uint64_t rows_total, const PlanOptions& options);

// The next sealed segment that is to be written as it is, if any.
std::optional<PlannedStep> next_write(std::span<const PlannedSegment> segments, const PlanOptions& options);
// Of everything else that is to be done, what is most urgent; of segments that are written, so that next_write() and this may be carried
// out at the same time. `buffered`: rows that no segment has yet.
std::optional<PlannedStep> next_rebuild(std::span<const PlannedSegment> segments, std::uint64_t buffered, const PlanOptions& options);

}  // namespace clipdex::index
