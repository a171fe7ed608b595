// Where the built-in model lies.
#pragma once

#include <filesystem>

namespace clipdex::cli {

// $CLIPDEX_MODEL, else next to an installed program (../share/clipdex/models/emoji-clip), else in the source tree it was built from.
std::filesystem::path default_model();

}  // namespace clipdex::cli
