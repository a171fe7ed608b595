// The real program: its commands, and its server on a free port of loopback.
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/child_process.h"

namespace clipdex::tests {

inline const std::string kProgram = std::string(CLIPDEX_BINARY_DIR) + "/clipdex";

struct Outcome {
  int exit_code = -1;
  std::string out, error;
};

// A program to its end.
inline Outcome run_program(const std::vector<std::string>& command, const std::vector<std::string>& environment = {}) {
  ChildProcess process(command, environment);
  Outcome outcome{.exit_code = process.wait()};
  outcome.out = process.out();
  outcome.error = process.error();
  return outcome;
}

// clipdex ARGUMENTS, to its end.
inline Outcome run_clipdex(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) {
  arguments.insert(arguments.begin(), kProgram);
  return run_program(arguments, environment);
}

// The address in what a server said on stderr: "http://127.0.0.1:12345"; empty while it starts.
inline std::string announced_url(const std::string& said) {
  const auto begin = said.find("clipdex: open http://");
  const auto end = begin == std::string::npos ? begin : said.find(" in a browser", begin);
  constexpr std::size_t kPrefix = sizeof "clipdex: open " - 1;
  return end == std::string::npos ? "" : said.substr(begin + kPrefix, end - begin - kPrefix);
}

// "clipdex serve --data DATA --port 0 ARGUMENTS", ready when the constructor returns. Throws std::runtime_error with what it said
// otherwise.
class RunningServer {
 public:
  explicit RunningServer(const std::filesystem::path& data, const std::vector<std::string>& arguments = {})
      : process_(command(data, arguments)) {
    for (int waited = 0; url().empty(); ++waited) {
      if (process_.exit_code() || waited > 6000) throw std::runtime_error("the server is not ready; it said: " + process_.error());
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  std::string url() const { return announced_url(process_.error()); }
  int port() const { return std::stoi(url().substr(url().rfind(':') + 1)); }
  ChildProcess& process() { return process_; }

  // Ctrl-C; returns the exit code.
  int stop() {
    process_.signal(SIGINT);
    return process_.wait();
  }
  void kill() {
    process_.signal(SIGKILL);
    process_.wait();
  }

 private:
  static std::vector<std::string> command(const std::filesystem::path& data, const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {kProgram, "serve", "--data", data.string(), "--port", "0"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  ChildProcess process_;
};

}  // namespace clipdex::tests
