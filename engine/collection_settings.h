// What a collection was made with, as the store keeps it. Private to engine/.
#pragma once

#include <string>

#include "engine/collection.h"

namespace clipdex::engine {

// Throws std::invalid_argument for an index type that does not exist.
void check_settings(const CollectionSettings& settings);
std::string encode_settings(const CollectionSettings& settings);
// Throws CorruptionError.
CollectionSettings decode_settings(const std::string& text);

}  // namespace clipdex::engine
