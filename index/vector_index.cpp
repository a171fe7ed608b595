#include "index/vector_index.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>

#include "index/index_state.h"

namespace clipdex::index {

VectorIndex::VectorIndex(const IndexOptions& options) {
  if (!options.directory.empty()) throw std::invalid_argument("an index with a directory is to be opened");
  impl_ = std::make_unique<Impl>(options);
}

VectorIndex::VectorIndex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

VectorIndex::~VectorIndex() = default;

void VectorIndex::apply(std::span<const std::uint64_t> rows, std::span<const float> vectors, std::span<const std::uint64_t> removed,
                        std::uint64_t sequence) {
  impl_->check(rows, vectors);
  const std::lock_guard lock(impl_->mutex);
  if (!rows.empty() && rows.front() < impl_->next_row) {
    throw std::invalid_argument("row " + std::to_string(rows.front()) + " is not above the rows before it: the next is " +
                                std::to_string(impl_->next_row) + " or more");
  }
  Change change(*impl_);
  impl_->last_sequence = std::max(impl_->last_sequence, sequence);
  impl_->add(rows, vectors, impl_->last_sequence);
  impl_->remove(removed);
  impl_->publish();
  change.keep();
}

VectorIndex::Applied VectorIndex::applied() const {
  const std::lock_guard lock(impl_->mutex);
  return {.sequence = impl_->last_sequence, .next_row = impl_->next_row};
}

void VectorIndex::seal() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->state.buffered == 0) return;
  Change change(*impl_);
  impl_->seal();
  impl_->publish();
  change.keep();
}

void VectorIndex::restore(RowRange range, std::span<const std::uint64_t> rows, std::span<const float> vectors) {
  impl_->check(rows, vectors);
  const std::lock_guard lock(impl_->mutex);
  auto& missing = impl_->missing;
  const auto hole =
      std::find_if(missing.begin(), missing.end(), [&](const RowRange& m) { return m.first <= range.first && range.last <= m.last; });
  if (range.last < range.first || hole == missing.end()) throw std::invalid_argument("these rows are not missing");
  if (!rows.empty() && (rows.front() < range.first || rows.back() > range.last)) {
    throw std::invalid_argument("rows to restore must be of the range that they are for");
  }
  Change change(*impl_);
  if (!rows.empty()) {
    const auto restored = std::make_shared<GrowingBuffer>(rows.size(), impl_->options.dimension);
    restored->append(0, rows, vectors);
    auto& segments = impl_->state.segments;
    const auto at =
        std::find_if(segments.begin(), segments.end(), [&](const auto& view) { return view.segment->rows().front() > rows.back(); });
    const SequenceRange sequences{impl_->last_sequence, impl_->last_sequence};
    segments.insert(at, {sealed(restored, rows.size(), impl_->options.dimension, sequences), nullptr});
  }
  const RowRange whole = *hole;
  auto rest = missing.erase(hole);
  if (range.last < whole.last) rest = missing.insert(rest, {range.last + 1, whole.last});
  if (whole.first < range.first) missing.insert(rest, {whole.first, range.first - 1});
  impl_->publish();
  change.keep();
}

std::shared_ptr<const Snapshot> VectorIndex::snapshot() const {
  const std::lock_guard lock(impl_->published_mutex);
  return impl_->published;
}

std::size_t VectorIndex::dimension() const { return impl_->options.dimension; }

}  // namespace clipdex::index
