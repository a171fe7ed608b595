// Byte-level byte pair encoding: the vocabulary, the merges, and how a word falls apart into tokens. Private to encoder/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace clipdex::encoder {

// The reversible code of bytes as printable characters that vocabularies are written in (GPT-2, bytes_to_unicode), UTF-8.
std::string byte_symbol(std::uint8_t byte);

// 0..255 in the order in which the symbols stand in OpenAI's vocabulary: printable ones first.
std::vector<std::uint8_t> byte_order();

// Immutable after construction: any thread may call it.
class BytePairEncoding {
 public:
  // merges: pairs of symbols, the first one being the strongest. Throws std::runtime_error that names what the vocabulary lacks.
  BytePairEncoding(const std::unordered_map<std::string, std::int32_t>& vocabulary,
                   const std::vector<std::pair<std::string, std::string>>& merges);

  // Appends the ids of one word; its last byte bears the end-of-word mark. O(n log n) in its bytes.
  void encode_word(std::string_view word, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::int32_t rank, id;
  };
  std::int32_t bytes_[256];         // id of a byte within a word
  std::int32_t ending_bytes_[256];  // id of a byte at a word's end
  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace clipdex::encoder
