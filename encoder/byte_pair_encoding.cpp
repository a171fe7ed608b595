#include "encoder/byte_pair_encoding.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <stdexcept>

namespace clipdex::encoder {
namespace {

constexpr std::string_view kEndOfWord = "</w>";

bool stands_for_itself(int byte) { return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255); }

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

// A possible merge of the symbol at `left` with its right neighbour; stale once either has changed.
struct Candidate {
  std::int32_t rank;
  std::size_t left, right;
  std::int32_t left_id, right_id, merged;
  bool operator>(const Candidate& other) const { return std::pair(rank, left) > std::pair(other.rank, other.left); }
};

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::int32_t kGone = -1;

struct Symbol {
  std::int32_t id;
  std::size_t previous, next;
};

}  // namespace

std::vector<std::uint8_t> byte_order() {
  std::vector<std::uint8_t> order;
  for (const bool printable : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (stands_for_itself(byte) == printable) order.push_back(static_cast<std::uint8_t>(byte));
    }
  }
  return order;
}

std::string byte_symbol(std::uint8_t byte) {
  int codepoint = byte;
  if (!stands_for_itself(byte)) {
    codepoint = 256;
    for (int other = 0; other < byte; ++other) codepoint += stands_for_itself(other) ? 0 : 1;
  }
  if (codepoint < 0x80) return {static_cast<char>(codepoint)};
  return {static_cast<char>(0xC0 | codepoint >> 6), static_cast<char>(0x80 | (codepoint & 0x3F))};  // all are below U+0800
}

BytePairEncoding::BytePairEncoding(const std::unordered_map<std::string, std::int32_t>& vocabulary,
                                   const std::vector<std::pair<std::string, std::string>>& merges) {
  const auto id_of = [&](const std::string& symbol) {
    const auto found = vocabulary.find(symbol);
    if (found == vocabulary.end()) throw std::runtime_error("the vocabulary lacks \"" + symbol + "\"");
    return found->second;
  };
  for (int byte = 0; byte < 256; ++byte) {
    const std::string symbol = byte_symbol(static_cast<std::uint8_t>(byte));
    bytes_[byte] = id_of(symbol);
    ending_bytes_[byte] = id_of(symbol + std::string(kEndOfWord));
  }
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    merges_.try_emplace(pair_key(id_of(left), id_of(right)), Merge{static_cast<std::int32_t>(rank), id_of(left + right)});
  }
}

void BytePairEncoding::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (word.empty()) return;
  std::vector<Symbol> symbols(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(word[i]);
    const bool last = i + 1 == word.size();
    symbols[i] = {last ? ending_bytes_[byte] : bytes_[byte], i == 0 ? kNone : i - 1, last ? kNone : i + 1};
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](std::size_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const std::size_t right = symbols[left].next;
    const auto found = merges_.find(pair_key(symbols[left].id, symbols[right].id));
    if (found != merges_.end()) candidates.push({found->second.rank, left, right, symbols[left].id, symbols[right].id, found->second.id});
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) consider(i);
  // As the reference: all occurrences of the strongest pair from left to right, and only then a look at the pairs that this has made.
  std::vector<std::size_t> merged;
  while (!candidates.empty()) {
    const std::int32_t rank = candidates.top().rank;
    merged.clear();
    for (; !candidates.empty() && candidates.top().rank == rank; candidates.pop()) {
      const Candidate& best = candidates.top();
      Symbol& left = symbols[best.left];
      Symbol& right = symbols[best.right];
      if (left.id != best.left_id || right.id != best.right_id || left.next != best.right) continue;
      left.id = best.merged;
      left.next = right.next;
      right.id = kGone;
      if (left.next != kNone) symbols[left.next].previous = best.left;
      merged.push_back(best.left);
    }
    for (const auto at : merged) {
      if (symbols[at].id == kGone) continue;
      consider(symbols[at].previous);
      consider(at);
    }
  }
  for (std::size_t i = 0; i != kNone; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace clipdex::encoder
