// Bytes from outside as text.
#pragma once

#include <string>
#include <string_view>

namespace clipdex::datasets {

bool is_utf8(std::string_view bytes);

// File names and arguments are any bytes; what is shown is text, with U+FFFD for what is not UTF-8.
std::string as_text(const std::string& bytes);

// Without ASCII white space at either end.
std::string_view trimmed(std::string_view text);

// A to Z become a to z; everything else stays, in any locale.
std::string lower_ascii(std::string text);

}  // namespace clipdex::datasets
