#include "index/snapshot.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace clipdex::index {

Snapshot::Snapshot() = default;
Snapshot::~Snapshot() = default;

std::vector<std::vector<Hit>> Snapshot::search(std::span<const float> queries, std::size_t n, const SearchOptions& options) const {
  if (queries.size() != n * impl_->dimension) {
    throw std::invalid_argument("the queries are " + std::to_string(queries.size()) + " numbers, and " + std::to_string(n) +
                                " vectors of " + std::to_string(impl_->dimension) + " take " + std::to_string(n * impl_->dimension));
  }
  std::vector<std::vector<Hit>> hits(n);
  for (const auto& view : impl_->segments) view.segment->search(queries, n, options.limit, view.deleted.get(), hits);
  if (impl_->buffered > 0) {
    scan({.vectors = impl_->buffer->vectors(),
          .rows = impl_->buffer->rows(impl_->buffered),
          .dimension = impl_->dimension,
          .deleted = impl_->buffer_deleted.get()},
         queries, n, options.limit, hits);
  }
  for (auto& list : hits) {
    std::erase_if(list, [&](const Hit& hit) { return hit.score < options.min_score; });
    const auto better = [](const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.row < b.row; };
    const std::size_t kept = std::min(options.limit, list.size());
    std::partial_sort(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(kept), list.end(), better);
    list.resize(kept);
  }
  return hits;
}

IndexStatistics Snapshot::statistics() const {
  IndexStatistics statistics;
  std::uint64_t all = impl_->buffered;
  if (impl_->buffer) statistics.memory_bytes += impl_->buffer->memory_bytes();
  if (impl_->buffer_deleted) statistics.deleted += impl_->buffer_deleted->count;
  for (const auto& view : impl_->segments) {
    all += view.segment->rows().size();
    statistics.memory_bytes += view.segment->memory_bytes();
    if (view.deleted) statistics.deleted += view.deleted->count;
  }
  statistics.rows = all - statistics.deleted;
  statistics.buffered = impl_->buffered;
  statistics.segments = impl_->segments.size();
  return statistics;
}

}  // namespace clipdex::index
