#include "index/sealed_segment.h"

#include <utility>

#include "index/device_scan.h"

namespace clipdex::index {

SealedSegment::SealedSegment(SegmentParts parts) : parts_(std::move(parts)) {
  if (parts_.approximation) type_ = index_type_of(parts_.approximation->type()).value_or(IndexType::kFlat);
}

void SealedSegment::search_here(const ScanInput& input, std::span<const float> queries, std::size_t n, const SearchOptions& options,
                                std::vector<std::vector<Hit>>& hits) const {
  if (is_scanned(options)) {
    scan(input, queries, n, options.limit, hits);
  } else {
    parts_.approximation->search(input, queries, n, options.limit, options.effort, hits);
  }
}

void SealedSegment::search(std::span<const float> queries, std::size_t n, const SearchOptions& options, const Tombstones* deleted,
                           const DeviceCopy* device, std::vector<std::vector<Hit>>& hits) const {
  const auto input = scan_input(deleted, options.allowed);
  if (device == nullptr || !device->may_answer(options)) return search_here(input, queries, n, options, hits);
  // An effort that a caller names is not the graph's, and all vectors are compared.
  const bool prove = options.exact || (device->has_graph() ? options.effort != 0 : !parts_.approximation);
  const auto unanswered = device_scan(input, *device, queries, n, options.limit, prove, hits);
  if (unanswered.empty()) return;
  std::vector<float> asked;
  for (const auto query : unanswered) {
    const auto one = queries.subspan(query * parts_.dimension, parts_.dimension);
    asked.insert(asked.end(), one.begin(), one.end());
  }
  std::vector<std::vector<Hit>> found(unanswered.size());
  search_here(input, asked, unanswered.size(), options, found);
  for (std::size_t i = 0; i < unanswered.size(); ++i)
    hits[unanswered[i]].insert(hits[unanswered[i]].end(), found[i].begin(), found[i].end());
}

std::size_t SealedSegment::memory_bytes() const {
  const std::size_t row = sizeof(std::uint64_t) + parts_.dimension * sizeof(float);
  return (parts_.mapped_bytes == 0 ? parts_.rows.size() * row : 0) + (parts_.approximation ? parts_.approximation->memory_bytes() : 0);
}

}  // namespace clipdex::index
