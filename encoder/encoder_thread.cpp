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

void EncoderThread::post(Urgency urgency, std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    (urgency == Urgency::kQuery ? queries_ : batches_).push_back(std::move(task));
  }
  changed_.notify_one();
}

std::function<void()> EncoderThread::next() {
  const bool batch = queries_.empty() || (!batches_.empty() && queries_in_a_row_ >= kQueriesBeforeBatch);
  queries_in_a_row_ = batch || batches_.empty() ? 0 : queries_in_a_row_ + 1;
  auto& tasks = batch ? batches_ : queries_;
  auto task = std::move(tasks.front());
  tasks.pop_front();
  return task;
}

void EncoderThread::work(int threads) {
  const int team_threads = threads > 0 ? threads : cores_.cores();
  at::set_num_threads(team_threads);
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queries_.empty() || !batches_.empty(); });
      if (queries_.empty() && batches_.empty()) return;
      task = next();
    }
    const CoreBudget::Team team(cores_, team_threads);
    task();
  }
}

}  // namespace clipdex::encoder
