#include "engine/crash_point.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

namespace clipdex::engine {
namespace {

struct Chosen {
  std::string name;
  std::atomic<long> left = 1;
};

Chosen* chosen_point() {
  static Chosen* const chosen = []() -> Chosen* {
    const char* text = std::getenv("CLIPDEX_CRASH_POINT");
    if (text == nullptr || *text == '\0') return nullptr;
    static Chosen point;
    const std::string_view whole(text);
    const auto colon = whole.find(':');
    point.name = whole.substr(0, colon);
    long count = 1;
    if (colon != std::string_view::npos) std::from_chars(text + colon + 1, text + whole.size(), count);
    point.left = count;
    return &point;
  }();
  return chosen;
}

}  // namespace

void crash_point(std::string_view name) {
  auto* chosen = chosen_point();
  if (chosen == nullptr || chosen->name != name) return;
  if (--chosen->left == 0) std::raise(SIGKILL);
}

}  // namespace clipdex::engine
