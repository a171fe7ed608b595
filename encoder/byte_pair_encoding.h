// Byte-level byte pair encoding: the vocabulary, the merges, and how a word falls apart into tokens. Private to encoder/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace clipdex::encoder {

using Vocabulary = std::unordered_map<std::string, std::int32_t>;
using Merges = std::vector<std::pair<std::string, std::string>>;  // the first one is the strongest

// The reversible code of bytes as printable characters that vocabularies are written in (GPT-2, bytes_to_unicode), UTF-8.
std::string byte_symbol(std::uint8_t byte);

// 0..255 in the order in which the symbols stand in OpenAI's vocabulary: printable ones first.
std::vector<std::uint8_t> byte_order();

// The defaults are OpenAI's.
struct BytePairRules {
  std::string end_of_word_suffix = "</w>";  // of the symbol of a word's last byte
  // Of one pair, all occurrences are merged before anything else is looked at (openai/CLIP, simple_tokenizer.py). Otherwise one merge at a
  // time, the strongest and leftmost first (Hugging Face tokenizers, models/bpe/word.rs). Merges that were learned give the same either
  // way.
  bool all_occurrences_first = true;
  // What a byte becomes whose symbol the vocabulary lacks: this id, one for a run of them if they are fused; with kDropped nothing; with
  // kRefused no symbol may be lacking.
  static constexpr std::int32_t kDropped = -1, kRefused = -2;
  std::int32_t unknown = kRefused;
  bool fuse_unknown = false;
};

// Immutable after construction: any thread may call it.
class BytePairEncoding {
 public:
  // Of a pair that is there twice, the weaker place counts, as in both references. Throws std::runtime_error that names what the
  // vocabulary lacks.
  BytePairEncoding(const Vocabulary& vocabulary, const Merges& merges, const BytePairRules& rules = {});

  // Appends the ids of one word; its last byte bears the end-of-word mark. O(n log n) in its bytes.
  void encode_word(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  friend class WordMerger;
  struct Merge {
    std::int32_t rank, id;
  };
  std::int32_t bytes_[256];         // id of a byte within a word
  std::int32_t ending_bytes_[256];  // id of a byte at a word's end
  std::unordered_map<std::uint64_t, Merge> merges_;
  BytePairRules rules_;
};

}  // namespace clipdex::encoder
