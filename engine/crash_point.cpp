#include "engine/crash_point.h"

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <span>
#include <string>

#include "index/vector_index.h"
#include "storage/image_store.h"

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
    const auto at = whole.find('@');
    point.name = whole.substr(0, at);
    long count = 1;
    if (at != std::string_view::npos) std::from_chars(text + at + 1, text + whole.size(), count);
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

std::vector<std::string_view> crash_points() {
  std::vector<std::string_view> names = {"write: decided",   "write: stored",        "write: published",
                                         "snapshot: linked", "snapshot: complete",   "snapshot: in place",
                                         "collection: made", "collection: in place", "collection: dropped"};
  for (const auto steps : {storage::durable_steps(), index::durable_steps()}) names.insert(names.end(), steps.begin(), steps.end());
  return names;
}

}  // namespace clipdex::engine
