// How far a long command has come, on stderr.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace clipdex::cli {

// A bar that redraws itself on a terminal; elsewhere a plain line now and then.
class Progress {
 public:
  // total: nothing if it is not known; then there is no bar and no time left. `done`: what an earlier run did of it.
  Progress(std::string what, std::optional<std::size_t> total, std::size_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::size_t by);
  // What stands behind the bar from the next drawing on.
  void note(std::string text) { note_ = std::move(text); }
  // Prints a line above the bar.
  void message(const std::string& text);
  double seconds() const;

 private:
  void draw();
  void erase();

  std::string what_;
  std::optional<std::size_t> total_;
  std::string note_;
  std::size_t done_, before_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace clipdex::cli
