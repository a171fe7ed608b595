// How many threads may compute at once: one a core, whatever they do.
#pragma once

#include <condition_variable>
#include <mutex>

#include "encoder/urgency.h"
#include "encoder/usable_cores.h"

namespace clipdex::encoder {

// The cores of a model's process, handed out to those who compute: the encoder's team takes as many as it has threads, a worker that
// decodes pictures takes one. The team goes first: workers finish the picture at hand and wait; but when they have let kTeamsBeforeWorkers
// go, each core takes a picture before the next team. So threads that compute are never more than cores, none is idle while there is work
// for it, a team has its cores to itself, which OpenMP's barriers need, and neither keeps the other waiting for ever. Any thread may call
// it.
class CoreBudget {
 public:
  explicit CoreBudget(int cores = usable_cores()) : cores_(cores), free_(cores) {}
  CoreBudget(const CoreBudget&) = delete;
  CoreBudget& operator=(const CoreBudget&) = delete;

  static constexpr int kTeamsBeforeWorkers = 8;

  int cores() const { return cores_; }

  // Held while one thread works on a picture. Whoever holds it must not wait for the encoder. A query's picture gets the next core that is
  // free, before teams and other workers.
  class Worker {
   public:
    explicit Worker(CoreBudget& budget, Urgency urgency = Urgency::kBatch);
    ~Worker() { budget_.give_back(1); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

   private:
    CoreBudget& budget_;
  };

  // Held while a team of `threads` works; more than there are cores count as all of them.
  class Team {
   public:
    Team(CoreBudget& budget, int threads);
    ~Team() { budget_.give_back(threads_); }
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

   private:
    CoreBudget& budget_;
    int threads_;
  };

 private:
  void give_back(int cores);

  const int cores_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_;
  int waiting_teams_ = 0, waiting_workers_ = 0, waiting_queries_ = 0;
  int teams_before_workers_ = 0;  // that went first since a worker last had a core
  int workers_turn_ = 0;          // how many workers go before the next team
};

}  // namespace clipdex::encoder
