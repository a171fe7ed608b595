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
  Answer(std::size_t n, std::size_t k_) : k(k_), scores(n * k_), positions(n * k_) {}
  std::size_t k;
  std::vector<float> scores;
  std::vector<faiss::idx_t> positions;
};

// Whether a row that was left out may score as much as the last of some query's first `limit`.
bool ends_in_a_tie(const Answer& answer, std::size_t n, std::size_t limit) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t last = (i + 1) * answer.k - 1;
    if (answer.positions[last] >= 0 && answer.scores[i * answer.k + limit - 1] <= answer.scores[last]) return true;
  }
  return false;
}

// Runs `find` (which fills an Answer) and appends what it found. Of equal scores FAISS keeps any where its list ends, so more is asked for
// until the list ends behind the tie: copies of a picture score the same, and pages of one search must neither repeat nor lose any of them.
template <typename Find>
void collect(std::span<const std::uint64_t> rows, std::size_t n, std::size_t limit, std::vector<std::vector<Hit>>& hits, const Find& find) {
  limit = std::min(limit, rows.size());
  if (limit == 0 || n == 0) return;
  Answer answer(n, std::min(limit + 1, rows.size()));
  for (find(answer); answer.k < rows.size() && ends_in_a_tie(answer, n, limit); find(answer))
    answer = Answer(n, std::min(answer.k * 2, rows.size()));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i * answer.k; j < (i + 1) * answer.k; ++j) {
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

SealedSegment::SealedSegment(std::span<const std::uint64_t> rows, const float* vectors, std::size_t dimension)
    : rows_(rows.begin(), rows.end()) {
  auto faiss = std::make_unique<Faiss>(dimension);
  faiss->index.add(static_cast<faiss::idx_t>(rows.size()), vectors);
  faiss_ = std::move(faiss);
}

SealedSegment::~SealedSegment() = default;

void SealedSegment::search(std::span<const float> queries, std::size_t n, std::size_t limit, const Tombstones* deleted,
                           std::vector<std::vector<Hit>>& hits) const {
  faiss::SearchParameters parameters;
  const bool filtered = deleted != nullptr && deleted->count > 0;
  const Tombstones none;
  LiveSelector selector(filtered ? *deleted : none);
  if (filtered) parameters.sel = &selector;
  collect(rows_, n, limit, hits, [&](Answer& answer) {
    faiss_->index.search(static_cast<faiss::idx_t>(n), queries.data(), static_cast<faiss::idx_t>(answer.k), answer.scores.data(),
                         answer.positions.data(), &parameters);
  });
}

std::size_t SealedSegment::memory_bytes() const {
  return rows_.size() * (sizeof(std::uint64_t) + static_cast<std::size_t>(faiss_->index.d) * sizeof(float));
}

void scan(const ScanInput& input, std::span<const float> queries, std::size_t n, std::size_t limit, std::vector<std::vector<Hit>>& hits) {
  const bool filtered = input.deleted != nullptr && input.deleted->count > 0;
  const Tombstones none;
  const LiveSelector selector(filtered ? *input.deleted : none);
  collect(input.rows, n, limit, hits, [&](Answer& answer) {
    faiss::knn_inner_product(queries.data(), input.vectors, input.dimension, n, input.rows.size(), answer.k, answer.scores.data(),
                             answer.positions.data(), filtered ? &selector : nullptr);
  });
}

}  // namespace clipdex::index
