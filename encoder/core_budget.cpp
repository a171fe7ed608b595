#include "encoder/core_budget.h"

#include <algorithm>

namespace clipdex::encoder {

CoreBudget::Worker::Worker(CoreBudget& budget, Urgency urgency) : budget_(budget) {
  if (urgency == Urgency::kQuery) {
    std::unique_lock lock(budget_.mutex_);
    ++budget_.waiting_queries_;
    budget_.changed_.wait(lock, [this] { return budget_.free_ > 0; });
    --budget_.waiting_queries_;
    --budget_.free_;
  } else {
    std::unique_lock lock(budget_.mutex_);
    ++budget_.waiting_workers_;
    budget_.changed_.wait(lock, [this] {
      return budget_.free_ > 0 && budget_.waiting_queries_ == 0 && (budget_.waiting_teams_ == 0 || budget_.workers_turn_ > 0);
    });
    --budget_.waiting_workers_;
    --budget_.free_;
    budget_.teams_before_workers_ = 0;
    budget_.workers_turn_ = std::max(0, std::min(budget_.workers_turn_ - 1, budget_.waiting_workers_));
  }
  budget_.changed_.notify_all();  // the last of a turn, or of the queries, lets the others go on
}

CoreBudget::Team::Team(CoreBudget& budget, int threads) : budget_(budget), threads_(std::clamp(threads, 1, budget.cores_)) {
  {
    std::unique_lock lock(budget_.mutex_);
    ++budget_.waiting_teams_;
    budget_.changed_.wait(lock,
                          [this] { return budget_.workers_turn_ == 0 && budget_.waiting_queries_ == 0 && budget_.free_ >= threads_; });
    --budget_.waiting_teams_;
    budget_.free_ -= threads_;
    if (budget_.waiting_workers_ > 0 && ++budget_.teams_before_workers_ >= kTeamsBeforeWorkers)
      budget_.workers_turn_ = std::min(budget_.waiting_workers_, budget_.cores_);
  }
  budget_.changed_.notify_all();  // what the team leaves is for the workers that let it go first
}

void CoreBudget::give_back(int cores) {
  {
    const std::lock_guard lock(mutex_);
    free_ += cores;
  }
  changed_.notify_all();
}

}  // namespace clipdex::encoder
