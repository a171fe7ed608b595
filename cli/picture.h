// A picture named on the command line.
#pragma once

#include <string>

#include "engine/model.h"

namespace clipdex::cli {

// Throws std::runtime_error that names the file and what is wrong with it.
engine::Image read_picture(const std::string& file);

}  // namespace clipdex::cli
