// tokenizer.json, the file of Hugging Face's fast tokenizers (github.com/huggingface/tokenizers), for CLIP's byte-level BPE.
// Private to encoder/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "encoder/added_tokens.h"
#include "encoder/byte_pair_encoding.h"
#include "encoder/word_pattern.h"

namespace clipdex::encoder {

enum class NormalizerStep {
  kNfc,
  kCollapseSpace,  // each run of white space becomes ' '
  kLowerCase,      // character by character: no final sigma
};

// What the file says, as far as ids depend on it.
struct TokenizerJson {
  Vocabulary vocabulary;
  Merges merges;
  BytePairRules rules;
  std::vector<AddedToken> added_tokens;
  std::vector<NormalizerStep> normalizer;
  WordPattern::Kind words = WordPattern::Kind::kClip;
  bool split_again = true;  // ByteLevel's own pattern (GPT-2's) runs over each word, which changes special tokens found as words
  std::int32_t start = 0, end = 0;
};

// Every setting that could change an id is either one of the above or refused: std::runtime_error that names file, key and remedy.
// `truncation` and `padding` are not looked at, because texts are cut to the model's context and not padded, nor is `decoder`.
TokenizerJson read_tokenizer_json(const std::filesystem::path& file);

}  // namespace clipdex::encoder
