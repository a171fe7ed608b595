#include "index/scan.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "index/inner_product.h"
#include "index/row_filter.h"
#include "index/search_team.h"
#include "index/top_hits.h"

namespace clipdex::index {
namespace {

// Rows that are scored before their scores are looked at, and queries that are at a time: 64 of 512 numbers take 128 KiB, so that both stay
// in a core's own cache while they meet each other. With few queries a row is used once, and longer stretches keep the fetching ahead.
constexpr std::size_t kRowsPerBlock = 64;
constexpr std::size_t kRowsPerStretch = 256;
constexpr std::size_t kQueriesPerBlock = 48;
// Multiplications that are worth another thread: some 100 us.
constexpr std::size_t kWorkPerThread = std::size_t{1} << 20;

// What one thread does: scores rows [begin, end), or those that `positions` names, against all queries.
class Worker {
 public:
  Worker(const ScanInput& input, std::span<const float> queries, std::size_t n, std::size_t limit,
         const std::vector<std::uint32_t>* positions)
      : input_(input), queries_(queries), n_(n), filter_(input), positions_(positions), best_(n, TopHits(limit)) {
    const std::size_t rows = n <= 4 ? kRowsPerStretch : kRowsPerBlock;
    pointers_.resize(rows);
    scores_.resize(rows * std::min(n, kQueriesPerBlock));
  }

  void run(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; i += pointers_.size()) {
      const std::size_t count = std::min(pointers_.size(), end - i);
      for (std::size_t j = 0; j < count; ++j) pointers_[j] = input_.vectors + position(i + j) * input_.dimension;
      for (std::size_t q = 0; q < n_; q += kQueriesPerBlock) block(i, count, q, std::min(kQueriesPerBlock, n_ - q));
    }
  }

  std::vector<TopHits>& best() { return best_; }

 private:
  std::size_t position(std::size_t i) const { return positions_ == nullptr ? i : (*positions_)[i]; }

  void block(std::size_t first, std::size_t count, std::size_t q, std::size_t n_queries) {
    inner_products_({.queries = queries_.data() + q * input_.dimension,
                     .n_queries = n_queries,
                     .rows = pointers_.data(),
                     .n_rows = count,
                     .dimension = input_.dimension,
                     .scores = scores_.data(),
                     .stride = count});
    for (std::size_t i = 0; i < n_queries; ++i) {
      TopHits& best = best_[q + i];
      const float* scores = scores_.data() + i * count;
      for (std::size_t j = 0; j < count; ++j) {
        // Few scores are good enough, so that the filter is asked last.
        if (!best.accepts(scores[j])) continue;
        const std::size_t at = position(first + j);
        if (positions_ != nullptr || filter_.passes(at)) best.add({input_.rows[at], scores[j]});
      }
    }
  }

  const ScanInput& input_;
  std::span<const float> queries_;
  std::size_t n_;
  RowFilter filter_;
  const std::vector<std::uint32_t>* positions_;
  std::vector<TopHits> best_;
  std::vector<const float*> pointers_;
  std::vector<float> scores_;
  InnerProductFunction inner_products_ = inner_product_function();
};

}  // namespace

void scan(const ScanInput& input, std::span<const float> queries, std::size_t n, std::size_t limit, std::vector<std::vector<Hit>>& hits) {
  if (input.rows.empty() || n == 0 || limit == 0) return;
  const RowFilter filter(input);
  std::vector<std::uint32_t> passing;
  // Rows that are left out are read all the same unless most are: memory is quickest when it is read straight on.
  const bool gather = filter.passing_at_most() <= input.rows.size() / 2;
  if (gather) passing = filter.positions();
  const std::size_t rows = gather ? passing.size() : input.rows.size();
  if (rows == 0) return;
  limit = std::min(limit, rows);

  const std::size_t work = rows * input.dimension * n / kWorkPerThread;
  const SearchTeam team(work);
  if (team.threads() == 1) {
    Worker worker(input, queries, n, limit, gather ? &passing : nullptr);
    worker.run(0, rows);
    for (std::size_t i = 0; i < n; ++i) worker.best()[i].append_to(hits[i]);
    return;
  }
  std::vector<TopHits> best(n, TopHits(limit));
  // Pieces are small enough that a thread which is held up leaves its share to the others.
  const std::size_t pieces = static_cast<std::size_t>(team.threads()) * 8;
  std::atomic<std::size_t> next = 0;
  std::mutex best_mutex;
  team.run([&] {
    Worker worker(input, queries, n, limit, gather ? &passing : nullptr);
    for (std::size_t piece = next++; piece < pieces; piece = next++) worker.run(rows * piece / pieces, rows * (piece + 1) / pieces);
    const std::lock_guard lock(best_mutex);
    for (std::size_t i = 0; i < n; ++i) best[i].add(worker.best()[i]);
  });
  for (std::size_t i = 0; i < n; ++i) best[i].append_to(hits[i]);
}

}  // namespace clipdex::index
