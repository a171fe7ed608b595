#include "encoder/word_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>
#include <stdexcept>
#include <string>

#include "encoder/unicode.h"

namespace clipdex::encoder {
namespace {

pcre2_code* compile(std::string_view pattern, std::uint32_t options) {
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code = ::pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | options, &error, &offset, /*context=*/nullptr);
  if (code == nullptr) throw std::runtime_error("the tokenizer's pattern does not compile");
  ::pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without it, matching is slower and right all the same
  return code;
}

pcre2_code* compile(WordPattern::Kind kind) {
  // OpenAI's last class leaves out two characters on which Python's regex differs from PCRE2: it does not take U+180E for white space, and
  // when it ignores case it counts U+0345 (an iota below) neither as a letter nor as anything else. White space is Unicode's in the others,
  // as Oniguruma has it; PCRE2's \s has U+180E besides.
  switch (kind) {
    case WordPattern::Kind::kOpenAi:
      return compile(R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^ \x{345}\p{L}\p{N}]+)",
                     PCRE2_CASELESS);
    case WordPattern::Kind::kClip:
      return compile(R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029})"
                     R"(\x{202F}\x{205F}\x{3000}\p{L}\p{N}]+)",
                     0);
    case WordPattern::Kind::kClipWithSpecials:
      return compile(R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680})"
                     R"(\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\p{L}\p{N}]+)",
                     0);
  }
  throw std::logic_error("a kind of pattern that is none");
}

}  // namespace

WordPattern::WordPattern(Kind kind) : code_(compile(kind)) {}
WordPattern::~WordPattern() { ::pcre2_code_free(code_); }

WordPattern::Words::Words(const WordPattern& pattern, std::string_view text)
    : code_(pattern.code_), text_(text), match_(::pcre2_match_data_create_from_pattern(pattern.code_, nullptr)) {
  if (match_ == nullptr) throw std::bad_alloc();
}
WordPattern::Words::~Words() { ::pcre2_match_data_free(match_); }

std::string_view WordPattern::Words::next() {
  if (at_ >= text_.size()) return {};
  const int matched =
      ::pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), at_, PCRE2_NO_UTF_CHECK, match_, nullptr);
  if (matched == PCRE2_ERROR_NOMATCH) {
    at_ = text_.size();
    return {};
  }
  if (matched < 1) throw std::runtime_error("a text cannot be split into words: PCRE2 reports error " + std::to_string(matched));
  const auto* bounds = ::pcre2_get_ovector_pointer(match_);
  at_ = bounds[1];
  return text_.substr(bounds[0], bounds[1] - bounds[0]);
}

bool is_word_character(std::int32_t codepoint) {
  static const pcre2_code* const kWord = compile(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])", 0);
  std::string character;
  append_utf8(character, codepoint);
  pcre2_match_data* match = ::pcre2_match_data_create(1, nullptr);
  if (match == nullptr) throw std::bad_alloc();
  const int matched =
      ::pcre2_match(kWord, reinterpret_cast<PCRE2_SPTR>(character.data()), character.size(), 0, PCRE2_NO_UTF_CHECK, match, nullptr);
  ::pcre2_match_data_free(match);
  return matched > 0;
}

}  // namespace clipdex::encoder
