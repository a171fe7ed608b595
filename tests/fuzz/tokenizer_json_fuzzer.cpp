// tokenizer.json, which comes with a checkpoint from anywhere. A file that begins with "{+" is merged (RFC 7396) into a sound one, so that
// a fuzzer gets past what is the same in every file.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/fuzz/small_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kSound = nlohmann::json::parse(clipdex::fuzz::small_tokenizer_json());
  std::string file(reinterpret_cast<const char*>(data), size);
  if (file.starts_with("{+")) {
    file.erase(1, 1);
    const auto patch = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
    if (!patch.is_object()) return 0;
    auto merged = kSound;
    merged.merge_patch(patch);
    file = merged.dump();
  }
  try {
    const auto tokenizer = clipdex::fuzz::open_bytes(file, clipdex::encoder::Tokenizer::from_tokenizer_json);
    for (const auto* text : {"", "the cat's Cat <m> caf\u00E9\u00E9 <|endoftext|>", "\xFF\xFE a\u0300\u0315 \u65E5\u672C 12"}) {
      for (const auto id : tokenizer.encode(text)) {
        if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocabulary_size()) __builtin_trap();
      }
    }
  } catch (const std::runtime_error&) {
    // Refused, which is what most inputs deserve.
  }
  return 0;
}
