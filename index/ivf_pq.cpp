#include "index/ivf_pq.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "index/search_team.h"
#include "index/top_hits.h"

namespace clipdex::index {
namespace {

// How many codes are compared while a scan compares one vector, about.
constexpr std::size_t kCodesPerScanned = 3;

}  // namespace

struct IvfPq::Query {
  const ScanInput& segment;
  const RowFilter& filter;
  bool filters = false;
  const float* vector = nullptr;
  std::size_t limit = 0;
  std::size_t compared = 0;  // codes of vectors that pass the filter, at least
};

std::size_t IvfPq::default_probes() const { return std::clamp<std::size_t>(lists() / 32, 8, 64); }

std::string IvfPq::parameters() const {
  return nlohmann::json{{"lists", lists()}, {"codes", parts_}, {"probes", lists() == 0 ? 0 : default_probes()}, {"refined", kLeastRefined}}
      .dump();
}

std::size_t IvfPq::memory_bytes() const {
  return (centroids_.size() + code_centroids_.size()) * sizeof(float) + (list_starts_.size() + positions_.size()) * sizeof(std::uint32_t) +
         codes_.size();
}

std::optional<QuantizedLists> IvfPq::quantized_lists() const {
  if (lists() == 0) return std::nullopt;
  return QuantizedLists{.n = n_,
                        .dimension = dimension_,
                        .codes_per_vector = parts_,
                        .probes = default_probes(),
                        .centroids = centroids_,
                        .code_centroids = code_centroids_,
                        .list_starts = list_starts_,
                        .positions = positions_,
                        .codes = codes_};
}

std::vector<Hit> IvfPq::nearest_lists(const Query& query) const {
  std::vector<const float*> rows(lists());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = centroids_.data() + i * dimension_;
  std::vector<float> scores(rows.size());
  inner_products_of_query(inner_products_, query.vector, rows.data(), rows.size(), dimension_, scores.data());
  std::vector<Hit> nearest(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) nearest[i] = {i, scores[i]};
  return nearest;
}

std::vector<float> IvfPq::score_table(const float* query) const {
  std::vector<float> table(parts_ * kCodes);
  for (std::size_t i = 0; i < dimension_; ++i) {
    float* sums = table.data() + i / part() * kCodes;
    const float* values = code_centroids_.data() + i * kCodes;
    for (std::size_t code = 0; code < kCodes; ++code) sums[code] += query[i] * values[code];
  }
  return table;
}

void IvfPq::search_one(const Query& query, std::vector<Hit>& hits) const {
  auto nearest = nearest_lists(query);
  // Ordered as far as it is needed: a batch more at a time.
  const auto nearer = [](const Hit& a, const Hit& b) { return a.score > b.score; };
  const std::size_t batch = default_probes();
  const auto table = score_table(query.vector);
  TopHits approximate(refined_for(query.limit));
  std::size_t compared = 0;
  for (std::size_t i = 0; i < nearest.size() && compared < query.compared; ++i) {
    if (i % batch == 0) {
      const auto first = nearest.begin() + static_cast<std::ptrdiff_t>(i);
      std::partial_sort(first, first + static_cast<std::ptrdiff_t>(std::min(batch, nearest.size() - i)), nearest.end(), nearer);
    }
    const auto list = static_cast<std::size_t>(nearest[i].row);
    for (std::size_t at = list_starts_[list]; at < list_starts_[list + 1]; ++at) {
      if (query.filters && !query.filter.passes(positions_[at])) continue;
      ++compared;
      const std::uint8_t* codes = codes_.data() + at * parts_;
      float sums[4] = {nearest[i].score, 0, 0, 0};
      std::size_t p = 0;
      for (; p + 4 <= parts_; p += 4) {
        for (std::size_t j = 0; j < 4; ++j) sums[j] += table[(p + j) * kCodes + codes[p + j]];
      }
      for (; p < parts_; ++p) sums[0] += table[p * kCodes + codes[p]];
      const float score = (sums[0] + sums[1]) + (sums[2] + sums[3]);
      if (approximate.accepts(score)) approximate.add({positions_[at], score});
    }
  }

  std::vector<Hit> found;
  approximate.append_to(found);
  std::vector<const float*> rows(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) rows[i] = query.segment.vectors + static_cast<std::size_t>(found[i].row) * dimension_;
  std::vector<float> scores(found.size());
  inner_products_of_query(inner_products_, query.vector, rows.data(), rows.size(), dimension_, scores.data());
  TopHits best(query.limit);
  for (std::size_t i = 0; i < found.size(); ++i) best.add({query.segment.rows[static_cast<std::size_t>(found[i].row)], scores[i]});
  best.append_to(hits);
}

void IvfPq::search(const ScanInput& segment, std::span<const float> queries, std::size_t n, std::size_t limit, std::size_t effort,
                   std::vector<std::vector<Hit>>& hits) const {
  if (n == 0 || limit == 0) return;
  const RowFilter filter(segment);
  const std::size_t passing = filter.passing_at_most();
  const std::size_t n_lists = lists();
  if (n_lists == 0 || passing == 0) return scan(segment, queries, n, limit, hits);
  const std::size_t probes = effort == 0 ? default_probes() : effort;
  const std::size_t compared = std::max(probes * n_ / n_lists, refined_for(limit) * (effort == 0 ? kCodesPerRefined : 1));
  // Codes are read whether they pass or not, and a scan looks at those that pass alone.
  const double looked_at = static_cast<double>(compared) * static_cast<double>(n_) / static_cast<double>(passing);
  if (compared >= passing ||
      looked_at / kCodesPerScanned + static_cast<double>(refined_for(limit) + n_lists) >= static_cast<double>(passing))
    return scan(segment, queries, n, limit, hits);

  const bool filters = filter.filters();
  const auto run = [&](std::size_t i) {
    search_one({.segment = segment,
                .filter = filter,
                .filters = filters,
                .vector = queries.data() + i * dimension_,
                .limit = limit,
                .compared = compared},
               hits[i]);
    count_answer();
  };
  if (n == 1) return run(0);
  SearchTeam(n).for_each(n, run);
}

}  // namespace clipdex::index
