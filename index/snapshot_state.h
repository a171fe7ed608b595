// What a published snapshot consists of. Private to index/.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "index/growing_buffer.h"
#include "index/scan_queue.h"
#include "index/sealed_segment.h"
#include "index/segment_plan.h"
#include "index/snapshot.h"

namespace clipdex::index {

// What is seen at one moment; the writer's own copy goes on to change.
struct SnapshotState {
  PlanOptions plan;
  std::vector<SegmentView> segments;  // in ascending order of rows
  std::shared_ptr<const GrowingBuffer> buffer;
  std::size_t buffered = 0;  // rows of the buffer that belong to this snapshot
  SharedTombstones buffer_deleted;
};

struct Snapshot::Impl : SnapshotState {
  explicit Impl(const SnapshotState& state) : SnapshotState(state) {}

  // Where all but little is searched by devices, as many as the least of them can use; otherwise one. The same for all with the same
  // filter.
  std::size_t passes_at_once(const SearchOptions& options) const;

  mutable ScanQueue scans;
};

}  // namespace clipdex::index
