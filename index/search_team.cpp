#include "index/search_team.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

namespace clipdex::index {
namespace {

std::atomic<bool> cores_taken = false;

}  // namespace

SearchTeam::SearchTeam(std::size_t wanted) {
  const auto threads = std::min(wanted, static_cast<std::size_t>(omp_get_max_threads()));
  mine_ = threads > 1 && omp_in_parallel() == 0 && !cores_taken.exchange(true, std::memory_order_acquire);
  if (mine_) threads_ = static_cast<int>(threads);
}

SearchTeam::~SearchTeam() {
  if (mine_) cores_taken.store(false, std::memory_order_release);
}

void SearchTeam::run(const std::function<void()>& work) const {
  if (threads_ == 1) return work();
  std::exception_ptr first;
  std::atomic_flag failed;
#pragma omp parallel num_threads(threads_)
  {
    try {
      work();
    } catch (...) {
      if (!failed.test_and_set()) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
}

void SearchTeam::for_each(std::size_t n, const std::function<void(std::size_t)>& work) const {
  std::atomic<std::size_t> next = 0;
  run([&] {
    for (std::size_t i = next++; i < n; i = next++) work(i);
  });
}

}  // namespace clipdex::index
