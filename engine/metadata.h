// The JSON object that callers keep with an image. Private to engine/.
#pragma once

#include <string>
#include <string_view>

namespace clipdex::engine {

inline constexpr std::size_t kMetadataBytesMax = std::size_t{64} << 10;
inline constexpr int kMetadataDepthMax = 64;

// Checks that the text is a JSON object within the limits and returns it in one line. Throws std::invalid_argument.
std::string normalized_metadata(std::string_view text);

// RFC 7396: members of `patch` replace those of `metadata`, null removes. Both are objects; the result keeps the limits.
std::string merged_metadata(const std::string& metadata, std::string_view patch);

}  // namespace clipdex::engine
