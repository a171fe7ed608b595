// A program run as another process: its output, its exit code, signals to it.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace clipdex::tests {

// Killed at the end of its scope if it still runs. One thread at a time.
class ChildProcess {
 public:
  // environment: "NAME=value", added to this process's.
  explicit ChildProcess(const std::vector<std::string>& command, const std::vector<std::string>& environment = {}) {
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    id_ = ::fork();
    if (id_ < 0) throw std::runtime_error("no process can be started");
    if (id_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that crashes leaves no server behind
    // A model that no retraining changes: results are held to exact numbers.
    ::setenv("CLIPDEX_MODEL", kModel.c_str(), /*overwrite=*/0);
    for (const auto& setting : environment) ::putenv(const_cast<char*>(setting.c_str()));
    redirect("/dev/null", O_RDONLY, STDIN_FILENO);
    redirect(out_file().c_str(), O_WRONLY | O_CREAT | O_APPEND, STDOUT_FILENO);
    redirect(error_file().c_str(), O_WRONLY | O_CREAT | O_APPEND, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ~ChildProcess() {
    if (!exit_code_) {
      signal(SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }
  void signal(int number) const { ::kill(id_, number); }
  std::string out() const { return read_file(out_file()); }
  std::string error() const { return read_file(error_file()); }

  // The exit code, 128 + the signal that ended it, or nothing while it runs.
  std::optional<int> exit_code() {
    int status = 0;
    if (!exit_code_ && ::waitpid(id_, &status, WNOHANG) == id_)
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
  }
  // Throws if it does not end within the time.
  int wait(std::chrono::seconds limit = std::chrono::seconds(120)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!exit_code()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the process does not end; it said: " + error());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return *exit_code_;
  }

 private:
  static void redirect(const char* file, int flags, int descriptor) {
    const int opened = ::open(file, flags | O_CLOEXEC, 0600);
    if (opened < 0 || ::dup2(opened, descriptor) < 0) ::_exit(126);
  }
  std::filesystem::path out_file() const { return directory_.path() / "out"; }
  std::filesystem::path error_file() const { return directory_.path() / "error"; }

  TemporaryDirectory directory_;
  pid_t id_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace clipdex::tests
