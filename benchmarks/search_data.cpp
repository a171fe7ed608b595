#include "benchmarks/search_data.h"

#include <algorithm>
#include <numeric>

#include "index/scan.h"

namespace clipdex::benchmarks {
namespace {

std::vector<std::vector<std::uint64_t>> rows_of(const std::vector<std::vector<index::Hit>>& hits) {
  std::vector<std::vector<std::uint64_t>> rows(hits.size());
  for (std::size_t i = 0; i < hits.size(); ++i) {
    for (const auto& hit : hits[i]) rows[i].push_back(hit.row);
  }
  return rows;
}

}  // namespace

SearchData::SearchData(std::size_t rows) : vectors_(rows * kDimension), numbers_(rows), queries_(kQueries * kDimension) {
  std::iota(numbers_.begin(), numbers_.end(), std::uint64_t{0});
  const ClipLikeVectors made(std::max<std::size_t>(100, rows / 100));
  made.rows(rows, vectors_.data.get());
  made.queries(kQueries, queries_.data());
  std::vector<std::vector<index::Hit>> hits(kQueries);
  index::scan({.vectors = vectors_.data.get(), .rows = numbers_, .dimension = kDimension}, queries_, kQueries, kLimit, hits);
  best_ = rows_of(hits);
  for (auto& list : best_) std::sort(list.begin(), list.end());
}

double SearchData::recall(const std::vector<std::vector<std::uint64_t>>& found) const {
  std::size_t good = 0, all = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    all += best_[i].size();
    for (const auto row : found[i]) good += std::binary_search(best_[i].begin(), best_[i].end(), row) ? 1 : 0;
  }
  return all == 0 ? 0 : static_cast<double>(good) / static_cast<double>(all);
}

double SearchData::recall(const std::vector<std::vector<index::Hit>>& found) const { return recall(rows_of(found)); }

}  // namespace clipdex::benchmarks
