#include "index/sealed_segment.h"

namespace clipdex::index {

SealedSegment::SealedSegment(std::span<const std::uint64_t> rows, const float* vectors, std::size_t dimension)
    : rows_(rows.begin(), rows.end()), vectors_(vectors, vectors + rows.size() * dimension), dimension_(dimension) {}

void SealedSegment::search(std::span<const float> queries, std::size_t n, std::size_t limit, const Tombstones* deleted,
                           std::vector<std::vector<Hit>>& hits) const {
  scan({.vectors = vectors_.data(), .rows = rows_, .dimension = dimension_, .deleted = deleted}, queries, n, limit, hits);
}

std::size_t SealedSegment::memory_bytes() const { return rows_.size() * sizeof(std::uint64_t) + vectors_.size() * sizeof(float); }

}  // namespace clipdex::index
