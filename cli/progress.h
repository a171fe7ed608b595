// How far a long command has come, on stderr.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace clipdex::cli {

// A bar that redraws itself on a terminal; elsewhere a plain line now and then.
class Progress {
 public:
  // total: nothing if it is not known; then there is no bar and no time left.
  Progress(std::string what, std::optional<std::size_t> total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::size_t by);
  // Prints a line above the bar.
  void message(const std::string& text);
  double seconds() const;

 private:
  void draw();
  void erase();

  std::string what_;
  std::optional<std::size_t> total_;
  std::size_t done_ = 0;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace clipdex::cli
