// Learns a byte-level BPE vocabulary from texts (Sennrich et al. 2016, with the bytes' alphabet and the words of openai/CLIP's tokenizer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace clipdex::training {

// The 256 bytes, within words and at their ends, and the two special tokens.
inline constexpr std::size_t kVocabularyMin = 514;

// One thread at a time.
class BpeTrainer {
 public:
  // threads: that count words.
  explicit BpeTrainer(int threads = 1);
  ~BpeTrainer();
  BpeTrainer(const BpeTrainer&) = delete;
  BpeTrainer& operator=(const BpeTrainer&) = delete;

  // Counts the text's words, cleaned and split as the tokenizer will. Throws std::runtime_error for more than 20 million different ones.
  void add(std::string_view text);

  // Merges the most frequent pair again and again (of equal ones the one whose symbols are older), until the vocabulary has `size` tokens
  // or no pair is there twice, and writes vocab.json, merges.txt and what transformers wants beside them into `directory`, which appears
  // whole or not at all. `context_length` is only told to transformers. Returns the vocabulary's size.
  // Throws std::invalid_argument for a size below kVocabularyMin, std::runtime_error without a word or if a file cannot be written.
  std::size_t train(std::size_t size, const std::filesystem::path& directory, std::size_t context_length);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::training
