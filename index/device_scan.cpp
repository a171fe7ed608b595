#include "index/device_scan.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <stdexcept>

#include "index/inner_product.h"
#include "index/row_filter.h"
#include "index/top_hits.h"

namespace clipdex::index {
namespace {

// What the device proposes for one query.
struct Proposed {
  std::span<const std::int64_t> positions;
  float worst = 0;    // the last one's score, by the device
  bool all = false;   // nothing else is there
  bool last = false;  // the device proposes no more
};

class DeviceScan {
 public:
  DeviceScan(const ScanInput& input, const DeviceCopy& device, std::size_t limit, bool prove)
      : input_(input),
        device_(device),
        filter_(input),
        there_(input.rows.size() - device.dead),
        limit_(std::min(limit, there_ - deleted_since())),
        prove_(prove) {}

  std::size_t limit() const { return limit_; }
  // As many more as may be deleted, for codes. For vectors, which are asked once more if that was not enough, no more than are wanted.
  std::size_t first_k() const {
    const std::size_t wanted = device_.vectors->candidates(limit_);
    if (device_.codes) return std::min(wanted + deleted_since(), there_);
    return std::min({wanted + std::min(deleted_since(), wanted), there_, std::max(wanted, device_.vectors->k_max())});
  }
  std::size_t most() const { return std::min(device_.vectors->k_max(), there_); }

  // Asks for the k best, or about those, of each of these queries; those that remain in doubt are returned.
  std::vector<std::size_t> ask(std::span<const float> queries, const std::vector<std::size_t>& which, std::size_t k, bool approximately,
                               std::vector<std::vector<Hit>>& hits) {
    std::vector<float> asked, scores(which.size() * k);
    std::vector<std::int64_t> positions(which.size() * k);
    for (const auto query : which) {
      const auto from = queries.begin() + static_cast<std::ptrdiff_t>(query * input_.dimension);
      asked.insert(asked.end(), from, from + static_cast<std::ptrdiff_t>(input_.dimension));
    }
    if (approximately) {
      device_.vectors->search_approximately(asked, which.size(), k, scores.data(), positions.data());
    } else {
      device_.vectors->search(asked, which.size(), k, scores.data(), positions.data());
    }
    // Codes and graphs leave out what they like, however many are asked for.
    const bool all = !approximately && device_.vectors->score_error() && k >= there_;
    const bool last = k == most();
    std::vector<std::size_t> doubtful;
    for (std::size_t i = 0; i < which.size(); ++i) {
      const Proposed proposed{
          .positions = std::span(positions).subspan(i * k, k), .worst = scores[i * k + k - 1], .all = all, .last = last};
      if (!take(std::span(asked).subspan(i * input_.dimension, input_.dimension), proposed, hits[which[i]])) doubtful.push_back(which[i]);
    }
    return doubtful;
  }

 private:
  std::size_t deleted_since() const { return (input_.deleted != nullptr ? input_.deleted->count : 0) - device_.dead; }
  std::size_t position(std::int64_t there) const {
    return device_.positions.empty() ? static_cast<std::size_t>(there) : device_.positions[static_cast<std::size_t>(there)];
  }

  // False: it is not certain that these are the best; nothing is appended then.
  bool take(std::span<const float> query, const Proposed& proposed, std::vector<Hit>& hits) const {
    std::vector<const float*> vectors;
    std::vector<std::uint64_t> rows;
    for (const auto there : proposed.positions) {
      if (there < 0 || !filter_.passes(position(there))) continue;
      vectors.push_back(input_.vectors + position(there) * input_.dimension);
      rows.push_back(input_.rows[position(there)]);
    }
    std::vector<float> scores(rows.size());
    inner_product_function()({.queries = query.data(),
                              .n_queries = 1,
                              .rows = vectors.data(),
                              .n_rows = vectors.size(),
                              .dimension = input_.dimension,
                              .scores = scores.data(),
                              .stride = scores.size()});
    TopHits best(limit_);
    for (std::size_t i = 0; i < rows.size(); ++i) best.add({rows[i], scores[i]});
    std::vector<Hit> found;
    best.append_to(found);
    if (!proposed.all && found.size() < limit_) {
      if (proposed.last) ++device_.use->starved;
      return false;
    }
    if (!proposed.all && prove_ && !found.empty()) {
      const auto error = device_.vectors->score_error();
      if (!error) return false;
      // No row that was not proposed has a better score than this.
      const float others = proposed.worst + *error;
      const auto worst = std::min_element(found.begin(), found.end(), [](const Hit& a, const Hit& b) { return a.score < b.score; });
      if (!(worst->score > others)) return false;
    }
    hits.insert(hits.end(), found.begin(), found.end());
    return true;
  }

  const ScanInput& input_;
  const DeviceCopy& device_;
  RowFilter filter_;
  std::size_t there_;  // rows on the device
  std::size_t limit_;
  bool prove_;
};

}  // namespace

std::vector<std::size_t> device_scan(const ScanInput& input, const DeviceCopy& device, std::span<const float> queries, std::size_t n,
                                     std::size_t limit, bool prove, std::vector<std::vector<Hit>>& hits) {
  DeviceScan scan_there(input, device, limit, prove);
  const std::size_t most = scan_there.most();
  std::vector<std::size_t> waiting(n);
  std::iota(waiting.begin(), waiting.end(), std::size_t{0});
  if (scan_there.limit() == 0 || input.allowed != nullptr || !device.vectors->usable() || scan_there.first_k() > most) return waiting;
  try {
    waiting = scan_there.ask(queries, waiting, scan_there.first_k(), /*approximately=*/!prove, hits);
    if (!waiting.empty() && scan_there.first_k() < most) waiting = scan_there.ask(queries, waiting, most, /*approximately=*/false, hits);
  } catch (const std::runtime_error&) {
    return waiting;  // the device has told why, if it has failed
  }
  return waiting;
}

}  // namespace clipdex::index
