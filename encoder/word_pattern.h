// How a text falls apart into the words that byte pair encoding works on. Private to encoder/: PCRE2 does not show here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;

namespace clipdex::encoder {

// Immutable after construction: any thread may call it.
class WordPattern {
 public:
  enum class Kind {
    kOpenAi,            // simple_tokenizer.py's, which ignores case, on a text whose only white space is ' '
    kClip,              // the same words for Hugging Face tokenizers: on any text, case counts, special tokens are not looked for
    kClipWithSpecials,  // as transformers 5 writes it: with the special tokens
  };
  explicit WordPattern(Kind kind);
  ~WordPattern();
  WordPattern(const WordPattern&) = delete;
  WordPattern& operator=(const WordPattern&) = delete;

  // The words of one text, from left to right. One thread at a time.
  class Words {
   public:
    // text: valid UTF-8, which outlives this.
    Words(const WordPattern& pattern, std::string_view text);
    ~Words();
    Words(const Words&) = delete;
    Words& operator=(const Words&) = delete;
    // Empty behind the last one. Together O(n).
    std::string_view next();

   private:
    const pcre2_real_code_8* code_;
    std::string_view text_;
    std::size_t at_ = 0;
    pcre2_real_match_data_8* match_;
  };

 private:
  pcre2_real_code_8* code_;
};

// Unicode's \w (UTS #18): letters, marks, decimal digits, connectors and joiners.
bool is_word_character(std::int32_t codepoint);

}  // namespace clipdex::encoder
