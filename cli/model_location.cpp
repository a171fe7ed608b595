#include "cli/model_location.h"

#include <cstdlib>

namespace clipdex::cli {

std::filesystem::path default_model() {
  if (const char* chosen = std::getenv("CLIPDEX_MODEL"); chosen != nullptr && *chosen != '\0') return chosen;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  auto installed = program.parent_path() / "../share/clipdex/models/emoji-clip";
  if (!error && std::filesystem::exists(installed)) return installed;
  return CLIPDEX_SOURCE_MODEL;
}

}  // namespace clipdex::cli
