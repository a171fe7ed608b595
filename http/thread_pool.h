// Threads that come when there is work and go when there is none. Private to http/.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

namespace clipdex::http {

struct ThreadPoolOptions {
  std::size_t threads_max = 64;
  std::chrono::milliseconds idle{5'000};           // a thread without work ends after this
  std::size_t stack_bytes = std::size_t{2} << 20;  // reserved a thread; only what is used takes memory
};

// Any thread may call it. Tasks begin in order of arrival and throw nothing.
class ThreadPool {
 public:
  explicit ThreadPool(const ThreadPoolOptions& options);
  // As shutdown().
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // A new thread takes the task if all are busy; where there are as many as may be, or the system gives no more, it waits for one.
  // False, and the task is dropped, if no thread will ever take it.
  bool enqueue(std::function<void()> task);
  // Waits until all tasks have ended. Nothing is taken after that.
  void shutdown();

  std::size_t threads() const;

 private:
  static void* run(void* pool);
  void work();
  bool start_thread();  // under the mutex
  static void join(std::vector<pthread_t>& threads);

  const ThreadPoolOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_, ended_one_;
  std::deque<std::function<void()>> tasks_;
  std::size_t threads_ = 0, idle_ = 0;
  std::vector<pthread_t> ended_;  // to be joined
  bool stopping_ = false;
};

}  // namespace clipdex::http
