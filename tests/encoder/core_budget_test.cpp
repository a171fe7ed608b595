#include "encoder/core_budget.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using clipdex::encoder::CoreBudget;

// Counts who computes, and remembers the most that ever did.
struct Meter {
  std::atomic<int> busy = 0, most = 0;
  void enter(int cores) {
    const int now = busy += cores;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
  }
  void leave(int cores) { busy -= cores; }
};

}  // namespace

TEST_CASE("workers and teams together never compute on more cores than there are") {
  constexpr int kCores = 3;
  for (const int team_threads : {1, 2, kCores, 100}) {
    INFO("a team of " << team_threads);
    CoreBudget budget(kCores);
    Meter meter;
    std::atomic<bool> done = false;
    std::atomic<int> pictures = 0;
    std::vector<std::jthread> workers;
    for (int i = 0; i < 8; ++i) {
      workers.emplace_back([&] {
        while (!done) {
          const CoreBudget::Worker core(budget);
          meter.enter(1);
          ++pictures;
          std::this_thread::yield();
          meter.leave(1);
        }
      });
    }
    // Workers that never stop must not keep the team from its cores, nor steps one after another the workers for ever.
    for (int step = 0; step < 200 || pictures < 200; ++step) {
      const CoreBudget::Team team(budget, team_threads);
      meter.enter(std::min(team_threads, kCores));
      std::this_thread::yield();
      meter.leave(std::min(team_threads, kCores));
    }
    done = true;
    workers.clear();
    CHECK(meter.most <= kCores);
  }
}

TEST_CASE("a query's picture gets the first core that is free, before workers and teams that wait longer") {
  using clipdex::encoder::Urgency;
  CoreBudget budget(1);
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&](const char* who) {
    const std::lock_guard lock(mutex);
    order.emplace_back(who);
  };
  auto busy = std::make_unique<CoreBudget::Worker>(budget);
  std::jthread worker([&] {
    const CoreBudget::Worker core(budget);
    note("worker");
  });
  std::jthread team([&] {
    const CoreBudget::Team cores(budget, 1);
    note("team");
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until both wait
  std::jthread query([&] {
    const CoreBudget::Worker core(budget, Urgency::kQuery);
    note("query");
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  busy.reset();
  for (auto* thread : {&worker, &team, &query}) thread->join();
  REQUIRE(order.size() == 3);
  CHECK(order.front() == "query");
}

TEST_CASE("a worker gets its core although one team follows another without a pause") {
  CoreBudget budget(2);
  std::atomic<int> pictures = 0;
  auto team = std::make_unique<CoreBudget::Team>(budget, 2);
  std::jthread worker([&] {
    for (int i = 0; i < 3; ++i) {
      const CoreBudget::Worker core(budget);
      ++pictures;
    }
  });
  // The next team waits before the last one has gone, so that the cores are never free for whoever comes.
  int teams = 0;
  for (; pictures < 3 && teams < 100'000; ++teams) {
    std::jthread next([&, last = std::move(team)]() mutable {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      last.reset();
    });
    team = std::make_unique<CoreBudget::Team>(budget, 2);
  }
  team.reset();
  CHECK(pictures == 3);
}
