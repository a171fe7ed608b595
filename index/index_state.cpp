#include "index/index_state.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "index/machine_memory.h"
#include "index/segment_file.h"

namespace clipdex::index {
namespace {

constexpr std::size_t kAutoRowsMin = 20'000;
constexpr std::size_t kRowsMin = 5'000;

PlanOptions plan_of(const IndexOptions& options) {
  return {.type = options.type,
          .dimension = options.dimension,
          .seal_rows = options.seal_rows,
          .approximate_rows_min = options.approximate_rows_min != 0 ? options.approximate_rows_min : kRowsMin,
          .auto_rows_min = options.approximate_rows_min != 0 ? options.approximate_rows_min : kAutoRowsMin,
          .memory_bytes_max = options.memory_bytes_max != 0 ? options.memory_bytes_max : machine_memory_bytes() / 2,
          .on_disk = !options.directory.empty()};
}

}  // namespace

SharedTombstones with_removed(SharedTombstones deleted, std::span<const std::uint64_t> rows, std::span<const std::uint64_t> removed) {
  std::shared_ptr<Tombstones> changed;
  if (rows.empty()) return deleted;
  const auto first = std::lower_bound(removed.begin(), removed.end(), rows.front());
  const auto last = std::upper_bound(first, removed.end(), rows.back());
  for (auto row = first; row != last; ++row) {
    const auto found = std::lower_bound(rows.begin(), rows.end(), *row);
    if (found == rows.end() || *found != *row) continue;
    const auto position = static_cast<std::size_t>(found - rows.begin());
    if (!changed && deleted && deleted->contains(position)) continue;
    if (!changed) changed = deleted ? std::make_shared<Tombstones>(*deleted) : std::make_shared<Tombstones>();
    changed->add(position);
  }
  if (changed) return changed;
  return deleted;
}

std::shared_ptr<const SealedSegment> sealed(std::shared_ptr<const GrowingBuffer> buffer, std::size_t count, std::size_t dimension,
                                            SequenceRange sequences) {
  const auto rows = buffer->rows(count);
  const float* vectors = buffer->vectors();
  return std::make_shared<SealedSegment>(
      SegmentParts{.memory = std::move(buffer), .rows = rows, .vectors = vectors, .dimension = dimension, .sequences = sequences});
}

VectorIndex::Impl::Impl(const IndexOptions& options_) : options(options_) {
  if (options.dimension == 0 || options.dimension > kDimensionMax || options.seal_rows == 0) {
    throw std::invalid_argument("an index needs a dimension of 1 to " + std::to_string(kDimensionMax) + " and room for a row");
  }
  if (options.build_threads < 1) throw std::invalid_argument("an index is built by one thread or more");
  if (!(options.scan_thresholds.hnsw_walk_cost >= 0)) throw std::invalid_argument("a walk costs something or nothing, and no less");
  state.plan = plan_of(options);
  publish();
}

void VectorIndex::Impl::check(std::span<const std::uint64_t> rows, std::span<const float> vectors) const {
  if (vectors.size() != rows.size() * options.dimension) {
    throw std::invalid_argument("the vectors are " + std::to_string(vectors.size()) + " numbers for " + std::to_string(rows.size()) +
                                " rows of dimension " + std::to_string(options.dimension));
  }
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i] <= rows[i - 1]) throw std::invalid_argument("row numbers must ascend");
  }
  if (!rows.empty() && rows.back() > kRowMax) throw std::invalid_argument("row numbers are at most " + std::to_string(kRowMax));
}

void VectorIndex::Impl::seal() {
  state.segments.push_back({sealed(state.buffer, state.buffered, options.dimension, buffer_sequences), state.buffer_deleted});
  buffer.reset();
  state.buffer.reset();
  state.buffered = 0;
  state.buffer_deleted.reset();
}

void VectorIndex::Impl::add(std::span<const std::uint64_t> rows, std::span<const float> vectors, std::uint64_t sequence) {
  for (std::size_t done = 0; done < rows.size();) {
    if (!buffer) {
      state.buffer = buffer = std::make_shared<GrowingBuffer>(options.seal_rows, options.dimension);
      buffer_sequences = {sequence, sequence};
    }
    const std::size_t n = std::min(rows.size() - done, buffer->capacity() - state.buffered);
    buffer->append(state.buffered, rows.subspan(done, n), vectors.subspan(done * options.dimension, n * options.dimension));
    buffer_sequences.last = sequence;
    state.buffered += n;
    done += n;
    if (state.buffered == buffer->capacity()) seal();
  }
  if (!rows.empty()) next_row = rows.back() + 1;
}

void VectorIndex::Impl::remove(std::span<const std::uint64_t> removed) {
  if (removed.empty()) return;
  std::vector<std::uint64_t> sorted(removed.begin(), removed.end());
  std::sort(sorted.begin(), sorted.end());
  for (auto& view : state.segments) view.deleted = with_removed(view.deleted, view.segment->rows(), sorted);
  if (state.buffered > 0) state.buffer_deleted = with_removed(state.buffer_deleted, state.buffer->rows(state.buffered), sorted);
}

void VectorIndex::Impl::publish() {
  auto next = std::make_shared<Snapshot>();
  next->impl_ = std::make_unique<Snapshot::Impl>(state);
  std::shared_ptr<const Snapshot> ready = std::move(next);  // the old one ends its life behind the lock
  const std::lock_guard lock(published_mutex);
  published.swap(ready);
}

std::vector<PlannedSegment> VectorIndex::Impl::planned() const {
  std::vector<PlannedSegment> segments;
  segments.reserve(state.segments.size());
  for (const auto& view : state.segments) {
    segments.push_back({.rows = view.rows(), .deleted = view.dead(), .type = view.segment->type(), .on_disk = view.segment->on_disk()});
  }
  return segments;
}

}  // namespace clipdex::index
