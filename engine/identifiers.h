// Names that come from outside: ids of images, names of collections.
#pragma once

#include <string>
#include <string_view>

namespace clipdex::engine {

bool is_utf8(std::string_view text);

// 1..512 bytes of valid UTF-8 without control characters; else std::invalid_argument that says what is wrong.
void check_image_id(std::string_view id);

// 1..64 of [a-z0-9_-], beginning with a letter or a digit; else std::invalid_argument.
void check_collection_name(std::string_view name);

// XXH3-128 of the bytes, 32 hex digits.
std::string content_hash(std::string_view bytes);

}  // namespace clipdex::engine
