#include "http/thread_pool.h"

#include <utility>

namespace clipdex::http {

ThreadPool::ThreadPool(const ThreadPoolOptions& options) : options_(options) {}
ThreadPool::~ThreadPool() { shutdown(); }

void ThreadPool::join(std::vector<pthread_t>& threads) {
  for (const auto thread : threads) ::pthread_join(thread, nullptr);
  threads.clear();
}

bool ThreadPool::start_thread() {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setstacksize(&attributes, options_.stack_bytes);
  pthread_t thread{};
  const bool started = ::pthread_create(&thread, &attributes, &ThreadPool::run, this) == 0;
  ::pthread_attr_destroy(&attributes);
  if (started) ++threads_;
  return started;
}

bool ThreadPool::enqueue(std::function<void()> task) {
  std::vector<pthread_t> ended;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    tasks_.push_back(std::move(task));
    if (tasks_.size() > idle_ && threads_ < options_.threads_max && !start_thread() && threads_ == 0) {
      tasks_.pop_back();
      return false;
    }
    ended.swap(ended_);
  }
  changed_.notify_one();
  join(ended);
  return true;
}

void* ThreadPool::run(void* pool) {
  static_cast<ThreadPool*>(pool)->work();
  return nullptr;
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (tasks_.empty()) {
      if (stopping_) break;
      ++idle_;
      const bool called = changed_.wait_for(lock, options_.idle, [this] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (!called) break;
      continue;
    }
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  ended_.push_back(::pthread_self());
  --threads_;
  ended_one_.notify_all();
}

void ThreadPool::shutdown() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  ended_one_.wait(lock, [this] { return threads_ == 0; });
  join(ended_);  // each has nothing left to do but to end, without the mutex
}

std::size_t ThreadPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_;
}

}  // namespace clipdex::http
