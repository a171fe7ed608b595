// OpenAI's byte-level BPE tokenizer (openai/CLIP, clip/simple_tokenizer.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

// Immutable after construction: any thread may call it.
class Tokenizer {
 public:
  // `vocab.json` + `merges.txt` as in a Hugging Face directory. Throws std::runtime_error that names the file and what is wrong with it.
  static Tokenizer from_vocabulary(const std::filesystem::path& vocab_json, const std::filesystem::path& merges_txt);

  // OpenAI's merges file, plain or gzip (`bpe_simple_vocab_16e6.txt.gz`): the vocabulary of 49,408 follows from its first 48,894 merges.
  static Tokenizer from_merges(const std::filesystem::path& merges);

  // A model directory with one of the above (has_files() tells), or the merges file itself.
  static Tokenizer open(const std::filesystem::path& directory_or_file);
  static bool has_files(const std::filesystem::path& directory);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Ids with start and end token. The text is cleaned as the reference does (ftfy without mojibake repair, html unescape twice,
  // white space, lower case). Every byte string is accepted: invalid UTF-8 becomes U+FFFD.
  // More than context_length ids are cut and the last one kept is the end token; 0 means no limit.
  std::vector<std::int32_t> encode(std::string_view text, std::size_t context_length = 0) const;

  std::int32_t start_token() const;
  std::int32_t end_token() const;
  std::size_t vocabulary_size() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::encoder
