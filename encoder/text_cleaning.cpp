#include "encoder/text_cleaning.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "encoder/html_unescape.h"
#include "encoder/unicode.h"

namespace clipdex::encoder {
namespace {

bool is_ascii_letter(std::int32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "\e[31m" and its kind.
std::size_t terminal_escape_length(const Codepoints& text, std::size_t at) {
  if (text[at] != 0x1B || at + 1 >= text.size() || text[at + 1] != '[') return 0;
  std::size_t end = at + 2;
  while (end < text.size() && (is_decimal_digit(text[end]) || text[end] == ';')) ++end;
  return end < text.size() && is_ascii_letter(text[end]) ? end + 1 - at : 0;
}

const char* ligature(std::int32_t c) {
  switch (c) {
    case 0x132:
      return "IJ";
    case 0x133:
      return "ij";
    case 0x149:
      return "'n";  // by way of U+02BC, which is a curly quote
    case 0x1C4:
      return "D\u017D";
    case 0x1C5:
      return "D\u017E";
    case 0x1C6:
      return "d\u017E";
    case 0x1C7:
      return "LJ";
    case 0x1C8:
      return "Lj";
    case 0x1C9:
      return "lj";
    case 0x1CA:
      return "NJ";
    case 0x1CB:
      return "Nj";
    case 0x1CC:
      return "nj";
    case 0x1F1:
      return "DZ";
    case 0x1F2:
      return "Dz";
    case 0x1F3:
      return "dz";
    case 0xFB00:
      return "ff";
    case 0xFB01:
      return "fi";
    case 0xFB02:
      return "fl";
    case 0xFB03:
      return "ffi";
    case 0xFB04:
      return "ffl";
    case 0xFB05:
      return "\u017Ft";
    case 0xFB06:
      return "st";
    default:
      return nullptr;
  }
}

bool is_removed_control(std::int32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFC);
}

// ftfy's table-driven fixes of one character, in its order.
void append_fixed(std::string& out, std::int32_t c) {
  c = windows_1252(c);
  if (const char* letters = ligature(c)) {
    out += letters;
    return;
  }
  if (c == 0x3000) c = ' ';
  if (c >= 0xFF01 && c <= 0xFFEF) {
    std::string wide;
    append_utf8(wide, c);
    out += normalize_nfkc(wide);
    return;
  }
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) c = '\'';
  if (c >= 0x201C && c <= 0x201F) c = '"';
  if (c == '\r' || c == 0x2028 || c == 0x2029) c = '\n';
  append_utf8(out, c);
}

// One round of ftfy's fixes, references aside.
std::string fix_characters(std::string_view text) {
  std::string fixed;
  fixed.reserve(text.size());
  for (const auto c : decode_utf8(text)) append_fixed(fixed, c);
  const Codepoints codepoints = decode_utf8(fixed);
  fixed.clear();
  for (std::size_t i = 0; i < codepoints.size(); ++i) {
    if (const auto escape = terminal_escape_length(codepoints, i); escape > 0) {
      i += escape - 1;
    } else if (!is_removed_control(codepoints[i])) {
      append_utf8(fixed, codepoints[i]);
    }
  }
  return normalize_nfc(fixed);
}

// ftfy repeats itself until nothing changes. A text of "&amp;amp;amp;..." would keep it busy for as many rounds as it has bytes; nobody
// escapes a text eight times.
std::string fix_line(std::string_view line, bool unescape) {
  constexpr int kRoundsMax = 8;
  std::string fixed(line);
  for (int round = 0; round < kRoundsMax; ++round) {
    std::string next = fix_characters(unescape ? unescape_html_strictly(fixed) : fixed);
    if (next == fixed) break;
    fixed = std::move(next);
  }
  return fixed;
}

// ftfy.fix_text, line by line; from the first line with markup on it leaves references alone.
std::string fix_text(std::string_view text) {
  std::string fixed;
  fixed.reserve(text.size());
  bool unescape = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto line = text.substr(at, std::min(text.find('\n', at), text.size() - 1) + 1 - at);
    unescape = unescape && line.find('<') == std::string_view::npos;
    fixed += fix_line(line, unescape);
    at += line.size();
  }
  return fixed;
}

// Python's \s: Unicode's white space and four separators of ASCII.
bool is_space(std::int32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

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

}  // namespace

std::string clean_text(std::string_view text) {
  const std::string unescaped = unescape_html(unescape_html(fix_text(text)));
  return encode_utf8(lower_case(collapse_space(decode_utf8(unescaped))));
}

}  // namespace clipdex::encoder
