#include "engine/worker_pool.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

using clipdex::engine::WorkerPool;

TEST_CASE("a pool runs every copy of every caller's task before it returns") {
  WorkerPool pool(2);
  std::vector<std::jthread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::atomic<int> ran = 0;
        pool.run_all(5, [&ran] { ++ran; });
        if (ran != 5) ++wrong;
      }
    });
  }
  callers.clear();
  CHECK(wrong == 0);
}

TEST_CASE("what a task throws reaches its caller, after the other copies have ended, and the pool goes on") {
  WorkerPool pool(2);
  std::atomic<int> ran = 0;
  CHECK_THROWS_AS(pool.run_all(4,
                               [&ran] {
                                 if (++ran == 2) throw std::invalid_argument("the second");
                               }),
                  std::invalid_argument);
  CHECK(ran == 4);
  pool.run_all(1, [&ran] { ++ran; });
  CHECK(ran == 5);
}
