// One team at a time, and what happens to exceptions in it.
#include "index/search_team.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include "index/openmp_threads.h"
#include "tests/index/clustered_vectors.h"

namespace {

using clipdex::index::build_approximation;
using clipdex::index::Hit;
using clipdex::index::OpenMpThreads;
using clipdex::index::SearchTeam;
using clipdex::tests::ClusteredVectors;

std::ptrdiff_t threads_of_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("a second team gets one thread for as long as there is a first") {
  const OpenMpThreads cores(4);
  CHECK(SearchTeam(0).threads() == 1);
  CHECK(SearchTeam(3).threads() == 3);
  {
    const SearchTeam first(9);
    CHECK(first.threads() == 4);
    CHECK(SearchTeam(4).threads() == 1);
  }
  CHECK(SearchTeam(4).threads() == 4);
}

TEST_CASE("a team does everything once") {
  const OpenMpThreads cores(4);
  const std::size_t threads = GENERATE(1U, 2U, 4U);
  const SearchTeam team(threads);
  std::vector<std::atomic<int>> done(1000);
  team.for_each(done.size(), [&](std::size_t i) { ++done[i]; });
  for (const auto& times : done) REQUIRE(times == 1);
}

TEST_CASE("an exception of one of a team's threads reaches the caller, and the cores are free again") {
  const OpenMpThreads cores(4);
  const std::size_t threads = GENERATE(1U, 4U);
  CHECK_THROWS_AS(SearchTeam(threads).for_each(100,
                                               [](std::size_t i) {
                                                 if (i % 10 == 7) throw std::domain_error("7");
                                               }),
                  std::domain_error);
  CHECK(SearchTeam(4).threads() == 4);
}

TEST_CASE("many queries at once leave the cores to the team that has them") {
  const auto type = GENERATE(clipdex::index::kHnsw, clipdex::index::kIvfPq);
  const ClusteredVectors vectors(12'000, 16);
  const auto approximation = build_approximation(type, vectors.build_input(2));
  const OpenMpThreads cores(4);
  const SearchTeam other(4);
  REQUIRE(other.threads() == 4);
  std::ptrdiff_t before = 0, after = 0;
  // A thread keeps those of the teams that it has had: a new one has none.
  std::jthread([&] {
    const OpenMpThreads own(4);
    before = threads_of_process();
    std::vector<std::vector<Hit>> hits(50);
    approximation->search(vectors.segment(), vectors.queries(50), 50, 10, 0, hits);
    after = threads_of_process();
  }).join();
  CHECK(after <= before);
}
