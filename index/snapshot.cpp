#include "index/snapshot.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "index/snapshot_state.h"
#include "index/top_hits.h"

namespace clipdex::index {
namespace {

SegmentStatistics describe(const SegmentView& view) {
  const auto& segment = *view.segment;
  const auto& parts = segment.parts();
  return {.range = {segment.rows().front(), segment.rows().back()},
          .rows = view.rows(),
          .deleted = view.dead(),
          .type = segment.type(),
          .parameters = parts.approximation ? parts.approximation->parameters() : "{}",
          .approximated = parts.approximation ? parts.approximation->answered() : 0,
          .on_disk = segment.on_disk(),
          .mapped_bytes = parts.mapped_bytes,
          .device_bytes = view.device ? view.device->vectors->bytes() : 0,
          .memory_bytes = segment.memory_bytes() + (view.deleted ? view.deleted->bits.size() : 0)};
}

// Numbers that a pass reads from which on it is shared: smaller passes stay in a core's cache, and the others go on beside them.
constexpr std::size_t kWorkToShare = std::size_t{1} << 20;

// What the tail of `list` behind the best `limit` is does not matter.
void keep_best(std::vector<Hit>& list, const SearchOptions& options) {
  std::erase_if(list, [&](const Hit& hit) { return hit.score < options.min_score; });
  const std::size_t kept = std::min(options.limit, list.size());
  std::partial_sort(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(kept), list.end(), better);
  list.resize(kept);
}

}  // namespace

std::size_t Snapshot::Impl::passes_at_once(const SearchOptions& options) const {
  auto least = std::numeric_limits<std::size_t>::max();
  std::size_t scanned = buffered;
  for (const auto& view : segments) {
    if (view.is_on_device(options)) {
      least = std::min(least, view.device->vectors->searches_at_once());
    } else if (view.segment->is_scanned(options)) {
      scanned += view.rows();
    }
  }
  return scanned * plan.dimension < kWorkToShare ? least : 1;
}

Snapshot::Snapshot() = default;
Snapshot::~Snapshot() = default;

std::vector<std::vector<Hit>> Snapshot::search(std::span<const float> queries, std::size_t n, const SearchOptions& options) const {
  const std::size_t dimension = impl_->plan.dimension;
  if (queries.size() != n * dimension) {
    throw std::invalid_argument("the queries are " + std::to_string(queries.size()) + " numbers, and " + std::to_string(n) +
                                " vectors of " + std::to_string(dimension) + " take " + std::to_string(n * dimension));
  }
  std::vector<std::vector<Hit>> hits(n);
  std::size_t scanned = impl_->buffered;
  for (const auto& view : impl_->segments) {
    if (view.is_on_device(options) || view.segment->is_scanned(options)) {
      scanned += view.rows();
    } else {
      view.segment->search(queries, n, options, view.deleted.get(), /*device=*/nullptr, hits);
    }
  }
  const auto pass = [this](std::span<const float> passed, std::size_t count, const SearchOptions& wanted,
                           std::vector<std::vector<Hit>>& found) {
    for (const auto& view : impl_->segments) {
      if (view.is_on_device(wanted) || view.segment->is_scanned(wanted))
        view.segment->search(passed, count, wanted, view.deleted.get(), view.device.get(), found);
    }
    if (impl_->buffered == 0) return;
    scan({.vectors = impl_->buffer->vectors(),
          .rows = impl_->buffer->rows(impl_->buffered),
          .dimension = impl_->plan.dimension,
          .deleted = impl_->buffer_deleted.get(),
          .allowed = wanted.allowed},
         passed, count, wanted.limit, found);
  };
  if (scanned * dimension < kWorkToShare) {
    pass(queries, n, options, hits);
  } else {
    impl_->scans.run(queries, n, options, hits, pass, impl_->passes_at_once(options));
  }
  for (auto& list : hits) keep_best(list, options);
  return hits;
}

IndexStatistics Snapshot::statistics() const {
  IndexStatistics statistics;
  std::uint64_t all = impl_->buffered;
  if (impl_->buffer) statistics.memory_bytes += impl_->buffer->memory_bytes(impl_->buffered);
  if (impl_->buffer_deleted) statistics.deleted += impl_->buffer_deleted->count;
  for (const auto& view : impl_->segments) {
    all += view.rows();
    statistics.deleted += view.dead();
    statistics.segment_details.push_back(describe(view));
    statistics.memory_bytes += statistics.segment_details.back().memory_bytes;
    statistics.mapped_bytes += statistics.segment_details.back().mapped_bytes;
    statistics.device_bytes += statistics.segment_details.back().device_bytes;
  }
  statistics.rows = all - statistics.deleted;
  statistics.buffered = impl_->buffered;
  statistics.segments = impl_->segments.size();
  statistics.explanation = explain_type(statistics.rows, impl_->plan);
  return statistics;
}

}  // namespace clipdex::index
