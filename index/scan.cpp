#include "index/scan.h"

#include <faiss/impl/IDSelector.h>
#include <faiss/utils/distances.h>

#include <algorithm>
#include <cmath>

namespace clipdex::index {
namespace {

struct LiveSelector : faiss::IDSelector {
  explicit LiveSelector(const ScanInput& input_) : input(input_) {}
  bool is_member(faiss::idx_t at) const override {
    const auto position = static_cast<std::size_t>(at);
    return (input.deleted == nullptr || !input.deleted->contains(position)) &&
           (input.allowed == nullptr || input.allowed->contains(input.rows[position]));
  }
  const ScanInput& input;
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

void scan(const ScanInput& input, std::span<const float> queries, std::size_t n, std::size_t limit, std::vector<std::vector<Hit>>& hits) {
  const bool filtered = (input.deleted != nullptr && input.deleted->count > 0) || input.allowed != nullptr;
  const LiveSelector selector(input);
  collect(input.rows, n, limit, hits, [&](Answer& answer) {
    faiss::knn_inner_product(queries.data(), input.vectors, input.dimension, n, input.rows.size(), answer.k, answer.scores.data(),
                             answer.positions.data(), filtered ? &selector : nullptr);
  });
}

}  // namespace clipdex::index
