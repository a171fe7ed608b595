#include "encoder/core_budget.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace clipdex::encoder {

int usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

CoreBudget::Worker::Worker(CoreBudget& budget) : budget_(budget) {
  std::unique_lock lock(budget_.mutex_);
  budget_.changed_.wait(lock, [this] { return budget_.waiting_teams_ == 0 && budget_.free_ > 0; });
  --budget_.free_;
}

CoreBudget::Team::Team(CoreBudget& budget, int threads) : budget_(budget), threads_(std::clamp(threads, 1, budget.cores_)) {
  {
    std::unique_lock lock(budget_.mutex_);
    ++budget_.waiting_teams_;
    budget_.changed_.wait(lock, [this] { return budget_.free_ >= threads_; });
    --budget_.waiting_teams_;
    budget_.free_ -= threads_;
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
