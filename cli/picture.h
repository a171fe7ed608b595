// A picture named on the command line.
#pragma once

#include <string>

#include "engine/model.h"

namespace clipdex::cli {

inline constexpr const char* kExactDecodeHelp =
    "Decode every pixel of large JPEGs too, which otherwise are decoded at the reduced size that the model needs";

// Throws std::runtime_error that names the file and what is wrong with it.
engine::Image read_picture(const std::string& file, const engine::DecodeOptions& options = {});

}  // namespace clipdex::cli
