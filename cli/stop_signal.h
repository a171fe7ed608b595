// Ctrl-C and SIGTERM as a request to end in order.
#pragma once

#include <chrono>

namespace clipdex::cli {

// One at a time in a process. The first signal is a request, a second one ends the process at once (exit code 130).
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;
  // Until a signal comes, or the time is over: requested().
  bool wait_for(std::chrono::milliseconds time) const;
  // Until a signal comes, or release() is called from any thread.
  void wait() const;
  void release() const;
};

}  // namespace clipdex::cli
