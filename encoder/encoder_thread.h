// The one thread on which a model's arithmetic runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "encoder/core_budget.h"
#include "encoder/urgency.h"

namespace clipdex::encoder {

// OpenMP keeps a team of threads for every thread that ever opens a parallel region, so a server whose workers each called LibTorch would
// run cores x workers of them. Here there is one such thread. Queries go before batches, but after kQueriesBeforeBatch of them in a row a
// batch has its turn; among equals tasks run in order of arrival. Any thread may call run().
class EncoderThread {
 public:
  // `threads`: the size of its OpenMP team; 0: one a core that this process may use.
  explicit EncoderThread(int threads);
  // Runs what was accepted, then ends.
  ~EncoderThread();
  EncoderThread(const EncoderThread&) = delete;
  EncoderThread& operator=(const EncoderThread&) = delete;

  // Out of which every task takes its team's cores while it runs.
  CoreBudget& cores() { return cores_; }

  static constexpr int kQueriesBeforeBatch = 32;

  // Runs the task there and returns its result, or throws what it threw. Not to be called from a task.
  template <typename Task>
  auto run(Urgency urgency, Task task) -> decltype(task()) {
    const auto packaged = std::make_shared<std::packaged_task<decltype(task())()>>(std::move(task));
    auto result = packaged->get_future();
    post(urgency, [packaged] { (*packaged)(); });
    return result.get();
  }

 private:
  void post(Urgency urgency, std::function<void()> task);
  std::function<void()> next();  // with the mutex held
  void work(int threads);

  CoreBudget cores_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queries_, batches_;
  int queries_in_a_row_ = 0;  // while a batch was waiting
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace clipdex::encoder
