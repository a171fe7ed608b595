// Searches that memory runs out for: at each allocation there is, in turn.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <new>
#include <optional>
#include <span>
#include <vector>

#include "index/openmp_threads.h"
#include "index/scan_queue.h"
#include "index/scratch_pool.h"
#include "tests/index/clustered_vectors.h"
#include "tests/index/failing_allocation.h"

namespace {

using namespace clipdex::tests;
using clipdex::index::build_approximation;
using clipdex::index::Hit;
using clipdex::index::OpenMpThreads;
using clipdex::index::ScanQueue;
using clipdex::index::ScratchPool;
using clipdex::index::SearchOptions;
using Hits = std::vector<std::vector<Hit>>;

std::vector<std::vector<RowScore>> sorted_lists(const Hits& hits) {
  std::vector<std::vector<RowScore>> lists;
  for (const auto& list : hits) lists.push_back(sorted(list));
  return lists;
}

// Lets each allocation of a search of n queries fail, and searches again after each: that must find what it found before.
template <typename Search>
void check_failures(std::size_t n, const Search& search) {
  Hits expected(n);
  search(expected);
  int failures = 0;
  for (bool failed = true; failed; ++failures) {
    INFO("allocation " << failures);
    REQUIRE(failures < 10'000);
    Hits hits(n);
    bool thrown = false;
    {
      const FailingAllocation failing(failures);
      try {
        search(hits);
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      failed = FailingAllocation::has_failed();
    }
    REQUIRE(thrown == failed);
    Hits again(n);
    search(again);
    REQUIRE(sorted_lists(again) == sorted_lists(expected));
  }
  CHECK(failures > 1);
}

}  // namespace

TEST_CASE("a scan that memory runs out for throws, whatever thread it happens on") {
  const OpenMpThreads cores(4);
  const ClusteredVectors vectors(10'000, 128);
  check_failures(4, [&](Hits& hits) { clipdex::index::scan(vectors.segment(), vectors.queries(4), 4, 10, hits); });
}

TEST_CASE("an approximate search that memory runs out for throws, and the next one finds what it should") {
  const auto type = GENERATE(clipdex::index::kHnsw, clipdex::index::kIvfPq);
  const std::size_t queries = GENERATE(1U, 6U);
  const ClusteredVectors vectors(12'000, 16);
  const auto approximation = build_approximation(type, vectors.build_input(2));
  const OpenMpThreads cores(4);
  check_failures(queries, [&](Hits& hits) { approximation->search(vectors.segment(), vectors.queries(queries), queries, 10, 0, hits); });
}

TEST_CASE("scans that are put together go on after one that memory ran out for") {
  const ClusteredVectors vectors(500, 16);
  ScanQueue queue;
  const auto pass = [&](std::span<const float> queries, std::size_t n, const SearchOptions& options, Hits& hits) {
    clipdex::index::scan(vectors.segment(), queries, n, options.limit, hits);
  };
  check_failures(3, [&](Hits& hits) { queue.run(vectors.queries(3), 3, {}, hits, pass); });
}

TEST_CASE("what a pool has lent comes back to it where no memory is left") {
  ScratchPool<int> pool;
  {
    std::optional<FailingAllocation> failing;  // ends after the leases
    const auto first = pool.take(), second = pool.take();
    *first = 1;
    *second = 2;
    failing.emplace(0);
  }
  const auto one = pool.take(), other = pool.take();
  CHECK(*one + *other == 3);
}
