// Scans that several threads want at once, put together. Private to index/.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "index/snapshot.h"

namespace clipdex::index {

// One pass over the memory costs little more for many queries than for one, and two passes at once only take the memory's bandwidth from
// each other. So those who come while a pass is under way wait for its end, and one of them makes the next pass for all whose options are
// the same but for the limit. Nobody waits for company. Where several devices have copies, as many passes as those can use are under way at
// once. Any thread may call it.
class ScanQueue {
 public:
  // As scan(): queries [n, dimension], the lists of hits as many.
  using Pass =
      std::function<void(std::span<const float> queries, std::size_t n, const SearchOptions& options, std::vector<std::vector<Hit>>& hits)>;

  // Appends to each list at least its best options.limit, which `pass` finds; every caller's must find the same. Throws what the pass
  // threw. It waits while `at_once` passes or more are under way.
  void run(std::span<const float> queries, std::size_t n, const SearchOptions& options, std::vector<std::vector<Hit>>& hits,
           const Pass& pass, std::size_t at_once = 1);

 private:
  struct Waiting {
    std::span<const float> queries;
    std::size_t n;
    const SearchOptions* options;
    std::vector<std::vector<Hit>>* hits;
    std::exception_ptr error;
    bool done = false;
  };

  // With mutex_ held. If it throws, nobody has been taken from waiting_.
  std::vector<Waiting*> next_group();
  static void pass_for(std::span<Waiting* const> group, const Pass& pass) noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting*> waiting_;
  std::size_t passes_ = 0;  // under way, each by one of the callers, for itself and others
};

}  // namespace clipdex::index
