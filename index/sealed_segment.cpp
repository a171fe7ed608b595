#include "index/sealed_segment.h"

#include <utility>

namespace clipdex::index {

SealedSegment::SealedSegment(SegmentParts parts) : parts_(std::move(parts)) {
  if (parts_.approximation) type_ = index_type_of(parts_.approximation->type()).value_or(IndexType::kFlat);
}

void SealedSegment::search(std::span<const float> queries, std::size_t n, const SearchOptions& options, const Tombstones* deleted,
                           const DeviceCopy* device, std::vector<std::vector<Hit>>& hits) const {
  const auto input = scan_input(deleted, options.allowed);
  if (device != nullptr) {
    device_scan(input, *device, queries, n, options.limit, /*prove=*/is_scanned(options), hits);
  } else if (is_scanned(options)) {
    scan(input, queries, n, options.limit, hits);
  } else {
    parts_.approximation->search(input, queries, n, options.limit, options.effort, hits);
  }
}

std::size_t SealedSegment::memory_bytes() const {
  const std::size_t row = sizeof(std::uint64_t) + parts_.dimension * sizeof(float);
  return (parts_.mapped_bytes == 0 ? parts_.rows.size() * row : 0) + (parts_.approximation ? parts_.approximation->memory_bytes() : 0);
}

}  // namespace clipdex::index
