#include "engine/worker_pool.h"

#include <exception>
#include <latch>
#include <utility>

namespace clipdex::engine {

WorkerPool::WorkerPool(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void WorkerPool::run_all(std::size_t copies, const std::function<void()>& task) {
  std::latch done(static_cast<std::ptrdiff_t>(copies));
  std::mutex failing;
  std::exception_ptr failure;
  const auto one = [&] {
    try {
      task();
    } catch (...) {
      const std::lock_guard lock(failing);
      failure = std::current_exception();
    }
    done.count_down();
  };
  {
    const std::lock_guard lock(mutex_);
    tasks_.insert(tasks_.end(), copies, one);
  }
  changed_.notify_all();
  done.wait();
  if (failure) std::rethrow_exception(failure);
}

void WorkerPool::work() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace clipdex::engine
