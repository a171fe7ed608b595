// Texts, which come from every request, through both ways of cleaning.
#include <cstdint>
#include <string_view>

#include "tests/fuzz/small_tokenizer.h"

namespace {

void check(const clipdex::encoder::Tokenizer& tokenizer, std::string_view text) {
  constexpr std::size_t kContext = 77;
  const auto whole = tokenizer.encode(text);
  const auto cut = tokenizer.encode(text, kContext);
  for (const auto* ids : {&whole, &cut}) {
    if (ids->size() < 2 || ids->front() != tokenizer.start_token() || ids->back() != tokenizer.end_token()) __builtin_trap();
    for (const auto id : *ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocabulary_size()) __builtin_trap();
    }
  }
  if (cut.size() != std::min(whole.size(), kContext)) __builtin_trap();
  for (std::size_t i = 0; i + 1 < cut.size(); ++i) {
    if (cut[i] != whole[i]) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kOpenAi = clipdex::fuzz::small_openai_tokenizer();
  static const auto kJson = clipdex::fuzz::small_json_tokenizer();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(kOpenAi, text);
  check(kJson, text);
  return 0;
}
