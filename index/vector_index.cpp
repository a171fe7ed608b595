#include "index/vector_index.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>

#include "index/snapshot.h"

namespace clipdex::index {
namespace {

// Adds `removed` (ascending) to a copy of `deleted` where they are among `rows`; the old one stays as its snapshots saw it.
SharedTombstones with_removed(SharedTombstones deleted, std::span<const std::uint64_t> rows, std::span<const std::uint64_t> removed) {
  std::shared_ptr<Tombstones> changed;
  if (rows.empty()) return deleted;
  const auto first = std::lower_bound(removed.begin(), removed.end(), rows.front());
  const auto last = std::upper_bound(first, removed.end(), rows.back());
  for (auto row = first; row != last; ++row) {
    const auto found = std::lower_bound(rows.begin(), rows.end(), *row);
    if (found == rows.end() || *found != *row) continue;
    if (!changed) changed = deleted ? std::make_shared<Tombstones>(*deleted) : std::make_shared<Tombstones>();
    changed->add(static_cast<std::size_t>(found - rows.begin()));
  }
  if (changed) return changed;
  return deleted;
}

}  // namespace

struct VectorIndex::Impl {
  explicit Impl(const IndexOptions& options_) : options(options_) {
    state.dimension = options.dimension;
    publish();
  }

  void check(std::span<const std::uint64_t> rows, std::span<const float> vectors) const {
    if (vectors.size() != rows.size() * options.dimension) {
      throw std::invalid_argument("the vectors are " + std::to_string(vectors.size()) + " numbers for " + std::to_string(rows.size()) +
                                  " rows of dimension " + std::to_string(options.dimension));
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i == 0 ? has_rows && rows[0] <= last_row : rows[i] <= rows[i - 1]) throw std::invalid_argument("row numbers must ascend");
    }
  }

  void seal() {
    const auto rows = state.buffer->rows(state.buffered);
    state.segments.push_back({std::make_shared<SealedSegment>(rows, state.buffer->vectors(), options.dimension), state.buffer_deleted});
    buffer.reset();
    state.buffer.reset();
    state.buffered = 0;
    state.buffer_deleted.reset();
  }

  void add(std::span<const std::uint64_t> rows, std::span<const float> vectors) {
    for (std::size_t done = 0; done < rows.size();) {
      if (!buffer) state.buffer = buffer = std::make_shared<GrowingBuffer>(options.seal_rows, options.dimension);
      const std::size_t n = std::min(rows.size() - done, buffer->capacity() - state.buffered);
      buffer->append(state.buffered, rows.subspan(done, n), vectors.subspan(done * options.dimension, n * options.dimension));
      state.buffered += n;
      done += n;
      if (state.buffered == buffer->capacity()) seal();
    }
  }

  void remove(std::span<const std::uint64_t> removed) {
    if (removed.empty()) return;
    std::vector<std::uint64_t> sorted(removed.begin(), removed.end());
    std::sort(sorted.begin(), sorted.end());
    for (auto& view : state.segments) view.deleted = with_removed(view.deleted, view.segment->rows(), sorted);
    if (state.buffered > 0) state.buffer_deleted = with_removed(state.buffer_deleted, state.buffer->rows(state.buffered), sorted);
  }

  void publish() {
    auto next = std::make_shared<Snapshot>();
    next->impl_ = std::make_unique<Snapshot::Impl>(state);
    const std::lock_guard lock(mutex);
    published = std::move(next);
  }

  IndexOptions options;
  // The writer's own view; a snapshot is a copy of it.
  Snapshot::Impl state;
  std::shared_ptr<GrowingBuffer> buffer;  // the same as state.buffer, writable
  bool has_rows = false;
  std::uint64_t last_row = 0;

  // Held only for the copy of a pointer. (std::atomic<std::shared_ptr> of this standard library is a lock too, one that ThreadSanitizer
  // cannot see.)
  mutable std::mutex mutex;
  std::shared_ptr<const Snapshot> published;
};

VectorIndex::VectorIndex(const IndexOptions& options) {
  if (options.dimension == 0 || options.seal_rows == 0) throw std::invalid_argument("an index needs a dimension and room for a row");
  impl_ = std::make_unique<Impl>(options);
}

VectorIndex::~VectorIndex() = default;

void VectorIndex::apply(std::span<const std::uint64_t> rows, std::span<const float> vectors, std::span<const std::uint64_t> removed) {
  impl_->check(rows, vectors);
  impl_->add(rows, vectors);
  if (!rows.empty()) {
    impl_->has_rows = true;
    impl_->last_row = rows.back();
  }
  impl_->remove(removed);
  impl_->publish();
}

std::shared_ptr<const Snapshot> VectorIndex::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->published;
}

std::size_t VectorIndex::dimension() const { return impl_->options.dimension; }

}  // namespace clipdex::index
