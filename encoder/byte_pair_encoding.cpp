#include "encoder/byte_pair_encoding.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <stdexcept>

namespace clipdex::encoder {
namespace {

bool stands_for_itself(int byte) { return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255); }

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::int32_t kGone = -1;

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

BytePairEncoding::BytePairEncoding(const Vocabulary& vocabulary, const Merges& merges, const BytePairRules& rules) : rules_(rules) {
  const auto id_of = [&](const std::string& symbol) {
    const auto found = vocabulary.find(symbol);
    if (found == vocabulary.end()) throw std::runtime_error("the vocabulary lacks \"" + symbol + "\"");
    return found->second;
  };
  const auto byte_id = [&](const std::string& symbol) {
    if (rules.unknown == BytePairRules::kRefused) return id_of(symbol);
    const auto found = vocabulary.find(symbol);
    return found == vocabulary.end() ? kGone : found->second;
  };
  for (int byte = 0; byte < 256; ++byte) {
    const std::string symbol = byte_symbol(static_cast<std::uint8_t>(byte));
    bytes_[byte] = byte_id(symbol);
    ending_bytes_[byte] = byte_id(symbol + rules.end_of_word_suffix);
  }
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    merges_.insert_or_assign(pair_key(id_of(left), id_of(right)), Merge{static_cast<std::int32_t>(rank), id_of(left + right)});
  }
}

// One word while it is merged.
class WordMerger {
 public:
  WordMerger(const BytePairEncoding& encoding, std::string_view word) : encoding_(encoding) {
    symbols_.reserve(word.size());
    bool behind_unknown = false;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(word[i]);
      std::int32_t id = i + 1 == word.size() ? encoding.ending_bytes_[byte] : encoding.bytes_[byte];
      const bool unknown = id == kGone;
      if (unknown && (encoding.rules_.unknown < 0 || (encoding.rules_.fuse_unknown && behind_unknown))) continue;
      if (unknown) id = encoding.rules_.unknown;
      behind_unknown = unknown;
      symbols_.push_back({id, symbols_.empty() ? kNone : symbols_.size() - 1, symbols_.size() + 1});
    }
    if (!symbols_.empty()) symbols_.back().next = kNone;
    for (std::size_t i = 0; i < symbols_.size(); ++i) consider(i);
  }

  void merge_all_occurrences_first() {
    std::vector<std::size_t> merged;
    while (!candidates_.empty()) {
      const std::int32_t rank = candidates_.top().rank;
      merged.clear();
      for (; !candidates_.empty() && candidates_.top().rank == rank; candidates_.pop()) {
        const Candidate& best = candidates_.top();
        const Symbol& left = symbols_[best.left];
        if (left.id != best.left_id || left.next != best.right || symbols_[best.right].id != best.right_id) continue;
        merge(best.left, best.merged);
        merged.push_back(best.left);
      }
      for (const auto at : merged) {
        if (symbols_[at].id != kGone) consider_around(at);
      }
    }
  }

  void merge_one_at_a_time() {
    while (!candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      const Symbol& left = symbols_[best.left];
      if (left.id == kGone || left.next == kNone) continue;
      // A pair that has changed and still makes the same symbol counts, as in the reference.
      const auto found = encoding_.merges_.find(pair_key(left.id, symbols_[left.next].id));
      if (found == encoding_.merges_.end() || found->second.id != best.merged) continue;
      merge(best.left, best.merged);
      consider_around(best.left);
    }
  }

  void append_to(std::vector<std::int32_t>& ids) const {
    for (std::size_t i = symbols_.empty() ? kNone : 0; i != kNone; i = symbols_[i].next) ids.push_back(symbols_[i].id);
  }

 private:
  struct Symbol {
    std::int32_t id;
    std::size_t previous, next;
  };

  // A possible merge of the symbol at `left` with its right neighbour; stale once either has changed.
  struct Candidate {
    std::int32_t rank;
    std::size_t left, right;
    std::int32_t left_id, right_id, merged;
    bool operator>(const Candidate& other) const { return std::pair(rank, left) > std::pair(other.rank, other.left); }
  };

  void consider(std::size_t left) {
    if (left == kNone || symbols_[left].next == kNone) return;
    const std::size_t right = symbols_[left].next;
    const auto found = encoding_.merges_.find(pair_key(symbols_[left].id, symbols_[right].id));
    if (found != encoding_.merges_.end())
      candidates_.push({found->second.rank, left, right, symbols_[left].id, symbols_[right].id, found->second.id});
  }

  void consider_around(std::size_t at) {
    consider(symbols_[at].previous);
    consider(at);
  }

  // The symbol at `at` takes its right neighbour in.
  void merge(std::size_t at, std::int32_t id) {
    Symbol& left = symbols_[at];
    Symbol& right = symbols_[left.next];
    left.id = id;
    left.next = right.next;
    right.id = kGone;
    if (left.next != kNone) symbols_[left.next].previous = at;
  }

  const BytePairEncoding& encoding_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates_;
};

void BytePairEncoding::encode_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  WordMerger merger(*this, word);
  if (rules_.all_occurrences_first) {
    merger.merge_all_occurrences_first();
  } else {
    merger.merge_one_at_a_time();
  }
  merger.append_to(ids);
}

}  // namespace clipdex::encoder
