// Texts as code points: UTF-8, normal forms, lower case. Private to encoder/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

using Codepoints = std::vector<std::int32_t>;

constexpr std::int32_t kReplacementCharacter = 0xFFFD;

// Each byte that is no part of valid UTF-8 becomes U+FFFD.
Codepoints decode_utf8(std::string_view text);
std::string encode_utf8(const Codepoints& codepoints);
void append_utf8(std::string& text, std::int32_t codepoint);

// text: valid UTF-8.
std::string normalize_nfc(const std::string& text);
std::string normalize_nfkc(const std::string& text);

// The character that Windows-1252 has at c, where it differs from Latin-1 (0x80..0x9F) and is defined; else c.
std::int32_t windows_1252(std::int32_t c);

bool is_decimal_digit(std::int32_t c);

// Python's str.lower: Unicode's lower case, with the final form of sigma at the ends of words. O(n).
Codepoints lower_case(const Codepoints& text);

// Rust's char::to_lowercase: one character at a time, whatever stands around it; one of them becomes two. O(n).
Codepoints lower_case_each(const Codepoints& text);

// Unicode's property White_Space.
bool is_white_space(std::int32_t c);
// Each run of it becomes one ' '.
Codepoints collapse_white_space(const Codepoints& text);

// One character at a time.
std::int32_t upper_case(std::int32_t c);

}  // namespace clipdex::encoder
