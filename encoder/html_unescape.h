// Character references of HTML ("&amp;", "&#38;") -> the characters. Private to encoder/.
#pragma once

#include <string>
#include <string_view>

namespace clipdex::encoder {

// Python's html.unescape: with or without semicolon, the longest name that is known, numbers as browsers read them.
std::string unescape_html(std::string_view text);

// ftfy's unescape_html: only with a semicolon, and names in capitals too ("&EACUTE;").
std::string unescape_html_strictly(std::string_view text);

}  // namespace clipdex::encoder
