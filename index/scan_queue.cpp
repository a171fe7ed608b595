#include "index/scan_queue.h"

#include <algorithm>
#include <iterator>

namespace clipdex::index {
namespace {

// Of one pass, unless one caller alone has more: what a pass takes is what the next callers wait.
constexpr std::size_t kQueriesMax = 64;

}  // namespace

void ScanQueue::run(std::span<const float> queries, std::size_t n, const SearchOptions& options, std::vector<std::vector<Hit>>& hits,
                    const Pass& pass, std::size_t at_once) {
  Waiting mine{.queries = queries, .n = n, .options = &options, .hits = &hits, .error = nullptr};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&mine);
  changed_.wait(lock, [&] { return mine.done || (passes_ < at_once && !waiting_.empty() && waiting_.front() == &mine); });
  if (!mine.done) {
    std::vector<Waiting*> group;
    try {
      group = next_group();
    } catch (...) {
      waiting_.pop_front();  // nobody may find what ends with this call
      changed_.notify_all();
      throw;
    }
    ++passes_;
    if (passes_ < at_once && !waiting_.empty()) changed_.notify_all();  // the next one may begin a pass beside this
    lock.unlock();
    pass_for(group, pass);
    lock.lock();
    for (auto* one : group) one->done = true;
    --passes_;
    if (group.size() > 1 || !waiting_.empty()) changed_.notify_all();
  }
  lock.unlock();
  if (mine.error) std::rethrow_exception(mine.error);
}

std::vector<ScanQueue::Waiting*> ScanQueue::next_group() {
  std::vector<Waiting*> group;
  group.reserve(waiting_.size());  // from here on nothing throws
  std::size_t queries = 0;
  const auto& first = *waiting_.front()->options;
  std::erase_if(waiting_, [&](Waiting* one) {
    // What decides which segments a pass looks at, and how.
    const bool alike = one->options->allowed == first.allowed && one->options->exact == first.exact && one->options->effort == first.effort;
    if (!group.empty() && (!alike || queries + one->n > kQueriesMax)) return false;
    queries += one->n;
    group.push_back(one);
    return true;
  });
  return group;
}

void ScanQueue::pass_for(std::span<Waiting* const> group, const Pass& pass) noexcept {
  try {
    if (group.size() == 1) return pass(group[0]->queries, group[0]->n, *group[0]->options, *group[0]->hits);
    auto options = *group[0]->options;
    std::vector<float> queries;
    std::size_t n = 0;
    for (const auto* one : group) {
      queries.insert(queries.end(), one->queries.begin(), one->queries.end());
      n += one->n;
      options.limit = std::max(options.limit, one->options->limit);
    }
    std::vector<std::vector<Hit>> hits(n);
    pass(queries, n, options, hits);
    auto list = hits.begin();
    for (auto* one : group) {
      for (auto& mine : *one->hits) {
        std::copy(list->begin(), list->end(), std::back_inserter(mine));
        ++list;
      }
    }
  } catch (...) {
    for (auto* one : group) one->error = std::current_exception();
  }
}

}  // namespace clipdex::index
