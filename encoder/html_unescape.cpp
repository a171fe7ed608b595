#include "encoder/html_unescape.h"

#include <algorithm>
#include <cstdint>

#include "encoder/html_entities.h"
#include "encoder/unicode.h"

namespace clipdex::encoder {
namespace {

bool is_invalid_codepoint(std::uint32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || (c >= 0x7F && c <= 0x9F) || (c >= 0xFDD0 && c <= 0xFDEF) ||
         (c & 0xFFFE) == 0xFFFE;
}

void append_numeric(std::string& out, std::uint32_t number) {
  if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) return append_utf8(out, kReplacementCharacter);
  if (number == 0x0D) return append_utf8(out, '\r');
  // As browsers do; what Windows-1252 does not define stands for itself.
  if (number >= 0x80 && number <= 0x9F) return append_utf8(out, windows_1252(static_cast<std::int32_t>(number)));
  if (!is_invalid_codepoint(number)) append_utf8(out, static_cast<std::int32_t>(number));
}

// text[at] is '&' and text[at + 1] is '#'. Returns the length of the reference, 0 if it is none.
std::size_t numeric_reference(std::string_view text, std::size_t at, std::string& out) {
  std::size_t i = at + 2;
  const bool hexadecimal = i < text.size() && (text[i] == 'x' || text[i] == 'X');
  if (hexadecimal) ++i;
  const std::size_t first = i;
  std::uint32_t number = 0;
  constexpr std::uint32_t kBeyond = 0x110000;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    std::uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (hexadecimal && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
      digit = static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      break;
    }
    number = std::min(kBeyond, number * (hexadecimal ? 16 : 10) + digit);
  }
  if (i == first) return 0;
  if (i < text.size() && text[i] == ';') ++i;
  append_numeric(out, number);
  return i - at;
}

// text[at] is '&'. The longest known name, of 2 characters at least; names are ASCII and at most 32 characters.
std::size_t named_reference(std::string_view text, std::size_t at, std::string& out) {
  constexpr std::size_t kNameMax = 33;
  std::size_t length = 0;
  while (length < kNameMax && at + 1 + length < text.size()) {
    const char c = text[at + 1 + length];
    if (c == '\t' || c == '\n' || c == '\f' || c == ' ' || c == '<' || c == '&' || c == '#') break;
    ++length;
    if (c == ';') break;
  }
  for (; length >= 2; --length) {
    if (const auto entity = html_entity(text.substr(at + 1, length))) {
      out += *entity;
      return 1 + length;
    }
  }
  return 0;
}

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// reference: "&NAME;". ftfy knows names in capitals where the name has no capitals itself and html.unescape makes nothing of them.
std::size_t capital_reference(std::string_view reference, std::string& out) {
  std::string name(reference.substr(1));
  for (auto& c : name) {
    if (c >= 'a' && c <= 'z') return 0;
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  const auto entity = html_entity(name);
  std::string known;
  if (!entity || named_reference(reference, 0, known) > 0) return 0;
  constexpr std::int32_t kSharpS = 0xDF;
  for (const auto c : decode_utf8(*entity)) {
    if (c == kSharpS) {
      out += "SS";
    } else {
      append_utf8(out, upper_case(c));
    }
  }
  return reference.size();
}

// text[at] is '&'. ftfy's pattern: &#?[0-9A-Za-z]{1,24};
std::size_t strict_reference(std::string_view text, std::size_t at, std::string& out) {
  constexpr std::size_t kNameMax = 24;
  const bool is_number = at + 1 < text.size() && text[at + 1] == '#';
  const std::size_t first = at + (is_number ? 2 : 1);
  std::size_t end = first;
  while (end < text.size() && end - first < kNameMax && is_alphanumeric(text[end])) ++end;
  if (end == first || end >= text.size() || text[end] != ';') return 0;
  const auto reference = text.substr(at, end + 1 - at);
  if (!is_number) {
    const auto entity = html_entity(reference.substr(1));
    if (!entity) return capital_reference(reference, out);
    out += *entity;
    return reference.size();
  }
  std::string character;
  if (numeric_reference(reference, 0, character) != reference.size() || character == ";") return 0;
  out += character;
  return reference.size();
}

template <typename Reference>
std::string replace_references(std::string_view text, Reference&& append_reference) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = text[i] == '&' ? append_reference(text, i, out) : 0;
    if (length == 0) out += text[i];
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace

std::string unescape_html(std::string_view text) {
  return replace_references(text, [](std::string_view all, std::size_t at, std::string& out) {
    return at + 1 < all.size() && all[at + 1] == '#' ? numeric_reference(all, at, out) : named_reference(all, at, out);
  });
}

std::string unescape_html_strictly(std::string_view text) { return replace_references(text, strict_reference); }

}  // namespace clipdex::encoder
