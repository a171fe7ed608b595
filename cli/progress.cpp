#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace clipdex::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kTerminalInterval{100};
constexpr std::chrono::seconds kPlainInterval{10};
constexpr std::size_t kBarColumns = 30;

// Of stderr; 0 if it does not say.
std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string duration(double seconds) {
  const auto whole = std::lround(seconds);
  char text[32];
  if (whole < 60) {
    std::snprintf(text, sizeof text, "%ld s", whole);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  }
  return text;
}

}  // namespace

Progress::Progress(std::string what, std::optional<std::size_t> total, std::size_t done)
    : what_(std::move(what)),
      total_(total),
      done_(done),
      before_(done),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {
  if (terminal_) draw();
}

Progress::~Progress() { erase(); }

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

void Progress::advance(std::size_t by) {
  done_ += by;
  const auto now = Clock::now();
  if (now - last_ < (terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kPlainInterval))) return;
  last_ = now;
  draw();
}

void Progress::message(const std::string& text) {
  erase();
  std::fprintf(stderr, "%s\n", text.c_str());
  if (terminal_) draw();
}

void Progress::erase() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Progress::draw() {
  const double elapsed = seconds();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - before_) / elapsed : 0;
  const std::size_t total = std::max(total_.value_or(0), done_);
  std::string line = what_ + " " + std::to_string(done_);
  if (total_) line += "/" + std::to_string(total);
  const auto bar_at = line.size();
  if (note_.empty()) {  // which says itself how fast it goes
    char speed[64];
    std::snprintf(speed, sizeof speed, " %.1f/s", rate);
    line += speed;
  }
  if (rate > 0 && total_ && done_ < total)
    line += (note_.empty() ? ", " : " ") + duration(static_cast<double>(total - done_) / rate) + " left";
  if (!note_.empty()) line += "  " + note_;
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  // A line that wraps cannot be erased. What it says goes before the bar.
  const auto columns = terminal_columns();
  constexpr std::size_t kFrame = 3, kBarColumnsMin = 5;
  const auto room = columns == 0 ? kBarColumns + kFrame : columns - 1 - std::min(columns - 1, line.size());
  if (total_ && total > 0 && room >= kBarColumnsMin + kFrame) {
    const std::size_t width = std::min(kBarColumns, room - kFrame), filled = width * done_ / total;
    line.insert(bar_at, " [" + std::string(filled, '#') + std::string(width - filled, '-') + "]");
  }
  if (columns > 0 && line.size() >= columns) line.resize(columns - 1);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace clipdex::cli
