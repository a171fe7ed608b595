#include "index/sealed_segment.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>

namespace clipdex::index {
namespace {

struct LiveSelector : faiss::IDSelector {
  explicit LiveSelector(const Tombstones& deleted_) : deleted(deleted_) {}
  bool is_member(faiss::idx_t position) const override { return !deleted.contains(static_cast<std::size_t>(position)); }
  const Tombstones& deleted;
};

// FAISS's answer for n queries: k positions and scores each, -1 where there are fewer.
struct Answer {
  Answer(std::size_t n, std::size_t k) : scores(n * k), positions(n * k) {}
  std::vector<float> scores;
  std::vector<faiss::idx_t> positions;
};

void collect(const Answer& answer, std::span<const std::uint64_t> rows, std::size_t n, std::size_t k, std::vector<std::vector<Hit>>& hits) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i * k; j < (i + 1) * k; ++j) {
      if (answer.positions[j] < 0 || std::isnan(answer.scores[j])) continue;
      hits[i].push_back({rows[static_cast<std::size_t>(answer.positions[j])], answer.scores[j]});
    }
  }
}

}  // namespace

struct SealedSegment::Faiss {
  explicit Faiss(std::size_t dimension) : index(static_cast<faiss::idx_t>(dimension)) {}
  faiss::IndexFlatIP index;
};

SealedSegment::SealedSegment(std::span<const std::uint64_t> rows, const float* vectors, std::size_t dimension) : rows_(rows.begin(), rows.end()) {
  auto faiss = std::make_unique<Faiss>(dimension);
  faiss->index.add(static_cast<faiss::idx_t>(rows.size()), vectors);
  faiss_ = std::move(faiss);
}

SealedSegment::~SealedSegment() = default;

void SealedSegment::search(std::span<const float> queries, std::size_t n, std::size_t limit, const Tombstones* deleted,
                           std::vector<std::vector<Hit>>& hits) const {
  const std::size_t k = std::min(limit, rows_.size());
  if (k == 0 || n == 0) return;
  Answer answer(n, k);
  faiss::SearchParameters parameters;
  const bool filtered = deleted != nullptr && deleted->count > 0;
  const Tombstones none;
  LiveSelector selector(filtered ? *deleted : none);
  if (filtered) parameters.sel = &selector;
  faiss_->index.search(static_cast<faiss::idx_t>(n), queries.data(), static_cast<faiss::idx_t>(k), answer.scores.data(), answer.positions.data(),
                       &parameters);
  collect(answer, rows_, n, k, hits);
}

std::size_t SealedSegment::memory_bytes() const {
  return rows_.size() * (sizeof(std::uint64_t) + static_cast<std::size_t>(faiss_->index.d) * sizeof(float));
}

void scan(const ScanInput& input, std::span<const float> queries, std::size_t n, std::size_t limit, std::vector<std::vector<Hit>>& hits) {
  const std::size_t k = std::min(limit, input.rows.size());
  if (k == 0 || n == 0) return;
  Answer answer(n, k);
  const bool filtered = input.deleted != nullptr && input.deleted->count > 0;
  const Tombstones none;
  const LiveSelector selector(filtered ? *input.deleted : none);
  faiss::knn_inner_product(queries.data(), input.vectors, input.dimension, n, input.rows.size(), k, answer.scores.data(), answer.positions.data(),
                           filtered ? &selector : nullptr);
  collect(answer, input.rows, n, k, hits);
}

}  // namespace clipdex::index
