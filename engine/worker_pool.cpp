#include "engine/worker_pool.h"

#include <exception>
#include <latch>
#include <utility>

namespace clipdex::engine {

WorkerPool::WorkerPool(int threads) {
  // A thread that cannot be made ends those before it: their destructors ask them to stop.
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
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

void WorkerPool::work(const std::stop_token& stop) {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !tasks_.empty(); })) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace clipdex::engine
