// Base64 (RFC 4648, with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace clipdex::http {

std::string encode_base64(std::string_view bytes);
// Strict: no white space, right padding. A "data:...;base64," prefix is skipped. Nothing if it is not base64.
std::optional<std::string> decode_base64(std::string_view text);

// The URL-safe alphabet without padding, for cursors.
std::string encode_base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace clipdex::http
