// CLIP's byte-level BPE tokenizer: OpenAI's (openai/CLIP, clip/simple_tokenizer.py), or Hugging Face's fast one (tokenizer.json).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

enum class TextCleaning {
  kOpenAi,         // ftfy without mojibake repair, html unescape twice, white space, lower case
  kTokenizerJson,  // what tokenizer.json says: for CLIP NFC, white space, lower case character by character
};

// Immutable after construction: any thread may call it.
class Tokenizer {
 public:
  // `vocab.json` + `merges.txt` as in a Hugging Face directory. Throws std::runtime_error that names the file and what is wrong with it.
  static Tokenizer from_vocabulary(const std::filesystem::path& vocab_json, const std::filesystem::path& merges_txt);

  // OpenAI's merges file, plain or gzip (`bpe_simple_vocab_16e6.txt.gz`): the vocabulary of 49,408 follows from its first 48,894 merges.
  static Tokenizer from_merges(const std::filesystem::path& merges);

  // Hugging Face's `tokenizer.json` of a CLIP model. What it says is honoured, or refused by its name: encoder/tokenizer_json.h.
  static Tokenizer from_tokenizer_json(const std::filesystem::path& file);

  // A model directory with one of the above (has_files() tells), the first of them if it has several; or the file itself: *.json is a
  // tokenizer.json, anything else OpenAI's merges.
  static Tokenizer open(const std::filesystem::path& directory_or_file);
  static bool has_files(const std::filesystem::path& directory);
  // The files that open() reads from a directory: a copy of them is the same tokenizer. Empty if there is none.
  static std::vector<std::filesystem::path> source_files(const std::filesystem::path& directory);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Ids with start and end token. The text is cleaned first, as cleaning() says. Every byte string is accepted: invalid UTF-8 becomes
  // U+FFFD.
  // More than context_length ids are cut and the last one kept is the end token; 0 means no limit.
  std::vector<std::int32_t> encode(std::string_view text, std::size_t context_length = 0) const;

  std::int32_t start_token() const;
  std::int32_t end_token() const;
  std::size_t vocabulary_size() const;  // the highest id and one
  TextCleaning cleaning() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::encoder
