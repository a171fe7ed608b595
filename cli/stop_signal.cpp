#include "cli/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace clipdex::cli {
namespace {

// What a signal handler may touch is static.
volatile sig_atomic_t signals = 0;
int wake_pipe[2] = {-1, -1};

void wake() {
  const char byte = 1;
  [[maybe_unused]] const auto written = ::write(wake_pipe[1], &byte, 1);
}

void handle_signal(int /*number*/) {
  constexpr int kKilledByInterrupt = 130;
  const int saved = errno;
  signals = signals + 1;
  if (signals > 1) ::_exit(kKilledByInterrupt);
  wake();
  errno = saved;
}

void set_handler(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  signals = 0;
  if (::pipe2(wake_pipe, O_CLOEXEC) != 0) throw std::runtime_error("no pipe can be made");
  set_handler(handle_signal);
}

StopSignal::~StopSignal() {
  set_handler(SIG_DFL);
  ::close(wake_pipe[0]);
  ::close(wake_pipe[1]);
}

bool StopSignal::requested() const { return signals > 0; }

bool StopSignal::wait_for(std::chrono::milliseconds time) const {
  pollfd waited{.fd = wake_pipe[0], .events = POLLIN, .revents = 0};
  ::poll(&waited, 1, static_cast<int>(time.count()));  // which a signal ends too
  return requested();
}

void StopSignal::wait() const {
  char byte = 0;
  while (::read(wake_pipe[0], &byte, 1) < 0 && errno == EINTR) {
  }
}

void StopSignal::release() const { wake(); }

}  // namespace clipdex::cli
