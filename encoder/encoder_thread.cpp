#include "encoder/encoder_thread.h"

#include <ATen/Parallel.h>

namespace clipdex::encoder {

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
  const int team_threads = threads > 0 ? threads : cores_.cores();
  at::set_num_threads(team_threads);
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    const CoreBudget::Team team(cores_, team_threads);
    task();
  }
}

}  // namespace clipdex::encoder
