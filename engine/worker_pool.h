// Threads that last as long as their owner, for work of which there is always more. Private to engine/.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace clipdex::engine {

// Tasks are taken in order of arrival. Any thread may call run_all() but its own workers.
class WorkerPool {
 public:
  explicit WorkerPool(int threads);
  // No run_all() may be under way when it is destroyed.
  ~WorkerPool() = default;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Runs `task` once on each of `copies` workers, or again on the same one where workers are few, and waits for all of them. Throws what
  // one of them threw.
  void run_all(std::size_t copies, const std::function<void()>& task);

 private:
  void work(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::jthread> threads_;
};

}  // namespace clipdex::engine
