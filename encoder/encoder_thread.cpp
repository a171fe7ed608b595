#include "encoder/encoder_thread.h"

#include <ATen/Parallel.h>
#include <sched.h>

#include <algorithm>

namespace clipdex::encoder {
namespace {

int usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

EncoderThread::EncoderThread(int threads) : thread_([this, threads] { work(threads); }) {}

EncoderThread::~EncoderThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void EncoderThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void EncoderThread::work(int threads) {
  at::set_num_threads(threads > 0 ? threads : usable_cores());
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

}  // namespace clipdex::encoder
