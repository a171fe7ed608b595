// The vocabulary that OpenAI's merges stand for, and the two files that transformers wants of it. Private to encoder/.
#pragma once

#include <filesystem>
#include <string>

#include "encoder/byte_pair_encoding.h"

namespace clipdex::encoder {

inline constexpr const char* kStartOfText = "<|startoftext|>";
inline constexpr const char* kEndOfText = "<|endoftext|>";

struct OpenAiVocabulary {
  Merges merges;
  // The bytes' symbols, the same with "</w>", what the merges make, start and end (openai/CLIP, simple_tokenizer.py).
  Vocabulary ids;
};

// Of `bpe_simple_vocab_16e6.txt`, plain or gzip: the first 48,894 of its merges. Throws std::runtime_error that names the file.
OpenAiVocabulary read_openai_vocabulary(const std::filesystem::path& merges_file);

// vocab.json and merges.txt as Hugging Face directories have them. The symbols must be UTF-8, as those of a Tokenizer are.
std::string vocab_json_text(const Vocabulary& ids);
std::string merges_txt_text(const Merges& merges);

}  // namespace clipdex::encoder
