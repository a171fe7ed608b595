#include "index/hnsw_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "index/search_team.h"

namespace clipdex::index {
namespace {

// efSearch unless told otherwise. On 30,000 CLIP-like vectors recall@10 is 0.985 at 20 and 0.999 at 80 (benchmarks/index_bench.cpp); more
// vectors need more.
constexpr std::size_t kLeastCandidates = 80;
// Vectors that a walk compares for each candidate it keeps, about. With ScanThresholds::hnsw_walk_cost it decides between a walk and a
// scan, where either is right.
constexpr double kComparedPerCandidate = 12;

// Candidates that are kept to find `limit`: the last ones of a long list need company too.
std::size_t candidates_for(std::size_t limit) { return std::max(kLeastCandidates, limit + limit / 4); }

}  // namespace

struct HnswGraph::Query {
  const ScanInput& segment;
  const RowFilter& filter;
  bool filters = false;
  std::size_t passing = 0;
  const float* vector = nullptr;
  std::size_t limit = 0;
  std::size_t candidates = 0;  // efSearch
};

struct HnswGraph::Scratch {
  // A bit a vector; `touched` are the words that are not 0, so that clearing takes no pass over all of it.
  std::vector<std::uint64_t> visited;
  std::vector<std::uint32_t> touched;
  std::vector<Scored> frontier;  // a heap, best first
  std::vector<Scored> best;      // a heap, worst first (better() is its order)
  std::vector<std::uint32_t> nodes;
  std::vector<const float*> rows;
  std::vector<float> scores;

  // Whatever the last search left, also one that ended by an exception.
  void prepare(std::size_t n, std::size_t width) {
    clear();
    visited.resize((n + 63) / 64);
    nodes.resize(width);
    rows.resize(width);
    scores.resize(width);
  }

  bool visit(std::uint32_t node) {
    std::uint64_t& word = visited[node / 64];
    const std::uint64_t bit = std::uint64_t{1} << (node % 64);
    if ((word & bit) != 0) return false;
    if (word == 0) touched.push_back(node / 64);
    word |= bit;
    return true;
  }

  void clear() {
    for (const auto word : touched) visited[word] = 0;
    touched.clear();
    frontier.clear();
    best.clear();
  }
};

HnswGraph::HnswGraph() : pool_(std::make_unique<ScratchPool<Scratch>>()) {}
HnswGraph::~HnswGraph() = default;

std::string HnswGraph::parameters() const {
  return nlohmann::json{{"links", parameters_.links}, {"ef_construction", parameters_.candidates}, {"ef_search", kLeastCandidates}}.dump();
}

std::size_t HnswGraph::memory_bytes() const {
  return levels_.size() + (level_0_.size() + upper_.size() + upper_start_.size()) * sizeof(std::int32_t) + copies_.size() * sizeof(Copy);
}

std::size_t HnswGraph::expected_memory_bytes(std::size_t n) {
  // One vector in `links` is on a level above.
  return n * (1 + sizeof(std::int32_t) * (2 * HnswParameters{}.links + 1 + 1));
}

void HnswGraph::index_upper_levels() {
  upper_start_.resize(n_);
  std::uint32_t start = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    upper_start_[i] = start;
    start += levels_[i];
  }
}

std::span<const HnswGraph::Copy> HnswGraph::copies_of(std::uint32_t node) const {
  if (copies_.empty()) return {};
  const auto first = std::lower_bound(copies_.begin(), copies_.end(), node, [](const Copy& a, std::uint32_t b) { return a.node < b; });
  auto last = first;
  while (last != copies_.end() && last->node == node) ++last;
  return {first, last};
}

// From the entry down to level 1: to the neighbour that is nearer than all others, as long as there is one.
HnswGraph::Scored HnswGraph::descend(const Query& query, Scratch& scratch) const {
  const auto& segment = query.segment;
  Scored nearest{inner_product(inner_products_, query.vector, segment.vectors + entry_ * segment.dimension, segment.dimension), entry_};
  for (std::size_t level = levels_[entry_]; level > 0; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const std::int32_t* list = links(nearest.node, level);
      std::size_t count = 0;
      for (; count < parameters_.links && list[count] >= 0; ++count)
        scratch.rows[count] = segment.vectors + static_cast<std::size_t>(list[count]) * segment.dimension;
      inner_products_of_query(inner_products_, query.vector, scratch.rows.data(), count, segment.dimension, scratch.scores.data());
      for (std::size_t i = 0; i < count; ++i) {
        if (scratch.scores[i] > nearest.score) {
          nearest = {scratch.scores[i], static_cast<std::uint32_t>(list[i])};
          moved = true;
        }
      }
    }
  }
  return nearest;
}

// Algorithm 2 of the paper on level 0: scratch.best are the best that pass the filter. Vectors that do not pass are walked over all the
// same. false: it has compared so many vectors that a scan of those that pass would have been quicker.
bool HnswGraph::walk(const Query& query, Scored start, Scratch& scratch) const {
  const auto worse = [](const Scored& a, const Scored& b) { return a.score < b.score; };
  const auto& segment = query.segment;
  auto& frontier = scratch.frontier;
  auto& best = scratch.best;
  // What a vector must surpass once there are enough. NaN never does.
  float bar = -std::numeric_limits<float>::infinity();
  // False: there are enough that are better, by their scores or their rows.
  const auto keep = [&](const Scored& scored) {
    if (best.size() == query.candidates && !better(scored, best.front())) return false;
    if (query.filters && !query.filter.passes(scored.node)) return true;
    best.push_back(scored);
    std::push_heap(best.begin(), best.end(), better);
    if (best.size() > query.candidates) {
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
    if (best.size() == query.candidates) bar = best.front().score;
    return true;
  };
  const auto offer = [&](const Scored& scored) {
    if (!(scored.score >= bar)) return;
    frontier.push_back(scored);
    std::push_heap(frontier.begin(), frontier.end(), worse);
    keep(scored);
    // They ascend: where one is not kept, none behind it is.
    for (const auto& copy : copies_of(scored.node)) {
      if (!keep({scored.score, copy.copy})) break;
    }
  };
  scratch.visit(start.node);
  offer(start);
  std::size_t compared = 0;
  while (!frontier.empty() && frontier.front().score >= bar) {
    const std::int32_t* list = links(frontier.front().node, 0);
    std::pop_heap(frontier.begin(), frontier.end(), worse);
    frontier.pop_back();
    std::size_t count = 0;
    for (std::size_t i = 0; i < width() && list[i] >= 0; ++i) {
      const auto node = static_cast<std::uint32_t>(list[i]);
      if (!scratch.visit(node)) continue;
      const float* row = segment.vectors + std::size_t{node} * segment.dimension;
      // The first ones are needed at once; what computes them fetches those behind.
      if (count < 4) {
        for (std::size_t k = 0; k < segment.dimension; k += 16) __builtin_prefetch(row + k);
      }
      scratch.nodes[count] = node;
      scratch.rows[count++] = row;
    }
    if (!frontier.empty()) __builtin_prefetch(links(frontier.front().node, 0));
    inner_products_of_query(inner_products_, query.vector, scratch.rows.data(), count, segment.dimension, scratch.scores.data());
    for (std::size_t i = 0; i < count; ++i) offer({scratch.scores[i], scratch.nodes[i]});
    compared += count;
    if (static_cast<double>(compared) * walk_cost_ > static_cast<double>(query.passing)) return false;
  }
  return true;
}

bool HnswGraph::search_one(const Query& query, std::vector<Hit>& hits) const {
  const auto lease = pool_->take();
  Scratch& scratch = *lease;
  scratch.prepare(n_, width());
  const bool found = walk(query, descend(query, scratch), scratch);
  if (found) {
    const std::size_t kept = std::min(query.limit, scratch.best.size());
    const auto end = scratch.best.begin() + static_cast<std::ptrdiff_t>(kept);
    std::partial_sort(scratch.best.begin(), end, scratch.best.end(), better);
    for (std::size_t i = 0; i < kept; ++i) hits.push_back({query.segment.rows[scratch.best[i].node], scratch.best[i].score});
  }
  return found;
}

void HnswGraph::search(const ScanInput& segment, std::span<const float> queries, std::size_t n, std::size_t limit, std::size_t effort,
                       std::vector<std::vector<Hit>>& hits) const {
  if (n == 0 || limit == 0) return;
  const RowFilter filter(segment);
  const std::size_t passing = filter.passing_at_most();
  const std::size_t candidates = effort == 0 ? candidates_for(limit) : std::max(effort, limit);
  // Of the vectors that a walk compares only those count that pass.
  const double walked = static_cast<double>(candidates) * kComparedPerCandidate * static_cast<double>(n_) /
                        static_cast<double>(std::max<std::size_t>(passing, 1));
  if (walked * walk_cost_ >= static_cast<double>(passing)) return scan(segment, queries, n, limit, hits);

  const bool filters = filter.filters();
  const auto run = [&](std::size_t i) {
    const std::span<const float> query = queries.subspan(i * segment.dimension, segment.dimension);
    if (search_one({.segment = segment,
                    .filter = filter,
                    .filters = filters,
                    .passing = passing,
                    .vector = query.data(),
                    .limit = limit,
                    .candidates = candidates},
                   hits[i]))
      return count_answer();
    std::vector<std::vector<Hit>> found(1);
    scan(segment, query, 1, limit, found);
    hits[i].insert(hits[i].end(), found[0].begin(), found[0].end());
  };
  if (n == 1) return run(0);
  SearchTeam(n).for_each(n, run);
}

}  // namespace clipdex::index
