#include "encoder/text_cleaning.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "encoder/html_entities.h"

namespace clipdex::encoder {
namespace {

using Codepoints = std::vector<utf8proc_int32_t>;

constexpr utf8proc_int32_t kReplacement = 0xFFFD;

void append(std::string& text, utf8proc_int32_t codepoint) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(codepoint, bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

Codepoints decode(std::string_view text) {
  Codepoints codepoints;
  codepoints.reserve(text.size());
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t codepoint = 0;
    auto size = utf8proc_iterate(at, left, &codepoint);
    if (size < 1) {
      codepoint = kReplacement;
      size = 1;
    }
    codepoints.push_back(codepoint);
    at += size;
    left -= size;
  }
  return codepoints;
}

std::string encode(const Codepoints& codepoints) {
  std::string text;
  text.reserve(codepoints.size());
  for (const auto codepoint : codepoints) append(text, codepoint);
  return text;
}

// NFC or NFKC.
std::string normalize(const std::string& text, utf8proc_option_t options) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(mapped, std::free);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) return text;
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

constexpr auto kNfc = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
constexpr auto kNfkc = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);

// Windows-1252 at 0x80..0x9F; 0 where it defines nothing.
constexpr utf8proc_int32_t kWindows1252[32] = {0x20AC, 0, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160,
                                               0x2039, 0x152, 0, 0x17D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                               0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0, 0x17E, 0x178};

bool is_ascii_letter(utf8proc_int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ascii_digit(utf8proc_int32_t c) { return c >= '0' && c <= '9'; }

// "\e[31m" and its kind.
std::size_t terminal_escape_length(const Codepoints& text, std::size_t at) {
  if (text[at] != 0x1B || at + 1 >= text.size() || text[at + 1] != '[') return 0;
  std::size_t end = at + 2;
  while (end < text.size() && (is_ascii_digit(text[end]) || text[end] == ';')) ++end;
  return end < text.size() && is_ascii_letter(text[end]) ? end + 1 - at : 0;
}

const char* ligature(utf8proc_int32_t c) {
  switch (c) {
    case 0x132: return "IJ";
    case 0x133: return "ij";
    case 0x149: return "'n";  // by way of U+02BC, which is a curly quote
    case 0x1C4: return "D\u017D";
    case 0x1C5: return "D\u017E";
    case 0x1C6: return "d\u017E";
    case 0x1C7: return "LJ";
    case 0x1C8: return "Lj";
    case 0x1C9: return "lj";
    case 0x1CA: return "NJ";
    case 0x1CB: return "Nj";
    case 0x1CC: return "nj";
    case 0x1F1: return "DZ";
    case 0x1F2: return "Dz";
    case 0x1F3: return "dz";
    case 0xFB00: return "ff";
    case 0xFB01: return "fi";
    case 0xFB02: return "fl";
    case 0xFB03: return "ffi";
    case 0xFB04: return "ffl";
    case 0xFB05: return "\u017Ft";
    case 0xFB06: return "st";
    default: return nullptr;
  }
}

bool is_removed_control(utf8proc_int32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFC);
}

// ftfy's table-driven fixes of one character, in its order.
void append_fixed(std::string& out, utf8proc_int32_t c) {
  if (c >= 0x80 && c <= 0x9F && kWindows1252[c - 0x80] != 0) c = kWindows1252[c - 0x80];
  if (const char* letters = ligature(c)) {
    out += letters;
    return;
  }
  if (c == 0x3000) c = ' ';
  if (c >= 0xFF01 && c <= 0xFFEF) {
    std::string wide;
    append(wide, c);
    out += normalize(wide, kNfkc);
    return;
  }
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) c = '\'';
  if (c >= 0x201C && c <= 0x201F) c = '"';
  if (c == '\r' || c == 0x2028 || c == 0x2029) c = '\n';
  if (!is_removed_control(c)) append(out, c);
}

std::string fix_characters(std::string_view text) {
  const Codepoints codepoints = decode(text);
  std::string fixed;
  fixed.reserve(text.size());
  for (std::size_t i = 0; i < codepoints.size(); ++i) {
    if (const auto escape = terminal_escape_length(codepoints, i); escape > 0) {
      i += escape - 1;
    } else {
      append_fixed(fixed, codepoints[i]);
    }
  }
  return normalize(fixed, kNfc);
}

// ---- html.unescape ----

bool is_invalid_codepoint(std::uint32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || (c >= 0x7F && c <= 0x9F) || (c >= 0xFDD0 && c <= 0xFDEF) ||
         (c & 0xFFFE) == 0xFFFE;
}

void append_numeric(std::string& out, std::uint32_t number) {
  if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) return append(out, kReplacement);
  if (number == 0x0D) return append(out, '\r');
  if (number >= 0x80 && number <= 0x9F) {  // as browsers do; undefined ones stand for themselves
    const auto mapped = kWindows1252[number - 0x80];
    return append(out, mapped != 0 ? mapped : static_cast<utf8proc_int32_t>(number));
  }
  if (!is_invalid_codepoint(number)) append(out, static_cast<utf8proc_int32_t>(number));
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
    if (is_ascii_digit(c)) {
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

// ---- white space and case ----

bool is_space(utf8proc_int32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

Codepoints collapse_space(const Codepoints& text) {
  Codepoints out;
  out.reserve(text.size());
  for (const auto c : text) {
    if (!is_space(c)) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool is_cased(utf8proc_int32_t c) { return utf8proc_toupper(c) != c || utf8proc_tolower(c) != c || utf8proc_category(c) == UTF8PROC_CATEGORY_LL; }

bool is_case_ignorable(utf8proc_int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027;
  }
}

// The second half of Unicode's Final_Sigma: no cased letter follows, ignorable characters aside.
bool cased_follows(const Codepoints& text, std::size_t at) {
  constexpr std::size_t kLookAhead = 64;  // a longer run of ignorable characters is no word
  for (std::size_t i = at + 1; i < text.size() && i <= at + kLookAhead; ++i) {
    if (!is_case_ignorable(text[i])) return is_cased(text[i]);
  }
  return false;
}

Codepoints lower(const Codepoints& text) {
  constexpr utf8proc_int32_t kSigma = 0x3A3, kFinalSigma = 0x3C2, kDottedI = 0x130, kDotAbove = 0x307;
  Codepoints out;
  out.reserve(text.size());
  bool cased_before = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = text[i];
    if (c == kDottedI) {
      out.push_back('i');
      out.push_back(kDotAbove);
    } else if (c == kSigma && cased_before && !cased_follows(text, i)) {
      out.push_back(kFinalSigma);
    } else {
      out.push_back(utf8proc_tolower(c));
    }
    if (!is_case_ignorable(c)) cased_before = is_cased(c);
  }
  return out;
}

}  // namespace

std::string unescape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = 0;
    if (text[i] == '&' && i + 1 < text.size()) {
      length = text[i + 1] == '#' ? numeric_reference(text, i, out) : named_reference(text, i, out);
    }
    if (length == 0) {
      out += text[i];
      length = 1;
    }
    i += length;
  }
  return out;
}

std::string clean_text(std::string_view text) {
  std::string fixed(text);
  // ftfy repeats itself until nothing changes, and leaves references alone where there is markup.
  constexpr int kRoundsMax = 8;
  for (int round = 0; round < kRoundsMax; ++round) {
    std::string next = fix_characters(fixed.find('<') == std::string::npos ? unescape_html(fixed) : fixed);
    if (next == fixed) break;
    fixed = std::move(next);
  }
  return encode(lower(collapse_space(decode(unescape_html(unescape_html(fixed))))));
}

}  // namespace clipdex::encoder
