#include "encoder/unicode.h"

#include <utf8proc.h>

#include <algorithm>

namespace clipdex::encoder {
namespace {

constexpr std::int32_t kDottedI = 0x130, kDotAbove = 0x307;  // the one letter whose lower case is two characters

int combining_class(std::int32_t c) { return utf8proc_get_property(c)->combining_class; }

// utf8proc's own canonical ordering takes quadratic time for a long run of combining marks, so it is handed ordered code points.
void order_combining_marks(Codepoints& text) {
  for (auto at = text.begin(); at != text.end();) {
    at = std::find_if(at, text.end(), [](std::int32_t c) { return combining_class(c) != 0; });
    const auto end = std::find_if(at, text.end(), [](std::int32_t c) { return combining_class(c) == 0; });
    std::stable_sort(at, end, [](std::int32_t left, std::int32_t right) { return combining_class(left) < combining_class(right); });
    at = end;
  }
}

// O(n log n).
std::string normalize(const std::string& text, int options) {
  const bool is_ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (is_ascii) return text;
  // utf8proc's options are bits of one enum. NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
  const auto form = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | options);
  Codepoints decomposed;
  decomposed.reserve(text.size());
  constexpr utf8proc_ssize_t kExpansionMax = 32;  // Unicode's longest decomposition has 18
  utf8proc_int32_t expanded[kExpansionMax];
  for (const auto c : decode_utf8(text)) {
    int boundary_class = 0;
    const auto size = utf8proc_decompose_char(c, expanded, kExpansionMax, form, &boundary_class);
    if (size < 1 || size > kExpansionMax) {
      decomposed.push_back(c);
    } else {
      decomposed.insert(decomposed.end(), expanded, expanded + size);
    }
  }
  order_combining_marks(decomposed);
  const auto composed = utf8proc_normalize_utf32(decomposed.data(), static_cast<utf8proc_ssize_t>(decomposed.size()), form);
  if (composed < 0) return text;
  decomposed.resize(static_cast<std::size_t>(composed));
  return encode_utf8(decomposed);
}

bool is_cased(std::int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:  // circled letters, Roman numerals, and the two ordinal indicators
      return utf8proc_toupper(c) != c || utf8proc_tolower(c) != c || c == 0xAA || c == 0xBA;
  }
}

bool is_case_ignorable(std::int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      break;
  }
  // Word_Break = MidLetter, MidNumLet or Single_Quote.
  for (const std::int32_t punctuation :
       {0x27, 0x2E, 0x3A, 0xB7, 0x387, 0x55F, 0x5F4, 0x2018, 0x2019, 0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A}) {
    if (c == punctuation) return true;
  }
  return false;
}

}  // namespace

Codepoints decode_utf8(std::string_view text) {
  Codepoints codepoints;
  codepoints.reserve(text.size());
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t codepoint = 0;
    auto size = utf8proc_iterate(at, left, &codepoint);
    if (size < 1) {
      codepoint = kReplacementCharacter;
      size = 1;
    }
    codepoints.push_back(codepoint);
    at += size;
    left -= size;
  }
  return codepoints;
}

std::string encode_utf8(const Codepoints& codepoints) {
  std::string text;
  text.reserve(codepoints.size());
  for (const auto codepoint : codepoints) append_utf8(text, codepoint);
  return text;
}

void append_utf8(std::string& text, std::int32_t codepoint) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(codepoint, bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::string normalize_nfc(const std::string& text) { return normalize(text, 0); }

std::string normalize_nfkc(const std::string& text) { return normalize(text, UTF8PROC_COMPAT); }

std::int32_t windows_1252(std::int32_t c) {
  static constexpr std::int32_t kWindows1252[32] = {0x20AC, 0,      0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
                                                    0x2039, 0x152,  0,      0x17D,  0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
                                                    0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0,      0x17E,  0x178};
  if (c < 0x80 || c > 0x9F || kWindows1252[c - 0x80] == 0) return c;
  return kWindows1252[c - 0x80];
}

bool is_decimal_digit(std::int32_t c) { return utf8proc_category(c) == UTF8PROC_CATEGORY_ND; }

Codepoints lower_case(const Codepoints& text) {
  constexpr std::int32_t kSigma = 0x3A3, kFinalSigma = 0x3C2;
  // Unicode's Final_Sigma: a cased letter stands before and none behind, ignorable characters aside.
  std::vector<bool> cased_follows(text.size());
  bool cased = false;
  for (std::size_t i = text.size(); i-- > 0;) {
    cased_follows[i] = cased;
    if (!is_case_ignorable(text[i])) cased = is_cased(text[i]);
  }
  Codepoints out;
  out.reserve(text.size());
  cased = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = text[i];
    if (c == kDottedI) {
      out.push_back('i');
      out.push_back(kDotAbove);
    } else if (c == kSigma && cased && !cased_follows[i]) {
      out.push_back(kFinalSigma);
    } else {
      out.push_back(utf8proc_tolower(c));
    }
    if (!is_case_ignorable(c)) cased = is_cased(c);
  }
  return out;
}

Codepoints lower_case_each(const Codepoints& text) {
  Codepoints out;
  out.reserve(text.size());
  for (const auto c : text) {
    if (c == kDottedI) {
      out.push_back('i');
      out.push_back(kDotAbove);
    } else {
      out.push_back(utf8proc_tolower(c));
    }
  }
  return out;
}

bool is_white_space(std::int32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

Codepoints collapse_white_space(const Codepoints& text) {
  Codepoints out;
  out.reserve(text.size());
  bool behind_space = false;
  for (const auto c : text) {
    const bool space = is_white_space(c);
    if (!space || !behind_space) out.push_back(space ? ' ' : c);
    behind_space = space;
  }
  return out;
}

std::int32_t upper_case(std::int32_t c) { return utf8proc_toupper(c); }

}  // namespace clipdex::encoder
