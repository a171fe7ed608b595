#include "encoder/training/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "encoder/byte_pair_encoding.h"
#include "encoder/new_directory.h"
#include "encoder/openai_vocabulary.h"
#include "encoder/text_cleaning.h"
#include "encoder/word_pattern.h"

namespace clipdex::training {
namespace {

using nlohmann::json;
using Symbol = std::int32_t;
using Pair = std::pair<Symbol, Symbol>;

constexpr std::size_t kWordsMax = 20'000'000;

struct PairHash {
  std::size_t operator()(const Pair& pair) const {
    return std::hash<std::uint64_t>()(static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first)) << 32 |
                                      static_cast<std::uint32_t>(pair.second));
  }
};

struct Word {
  std::vector<Symbol> symbols;
  std::int64_t count = 0;
};

// The words as symbols, and how often each pair of neighbours is there.
class PairCounts {
 public:
  explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
    for (std::size_t i = 0; i < words_.size(); ++i) add_pairs(i, 1);
    for (const auto& [pair, count] : counts_) queue_.emplace(count, pair);
  }

  // The most frequent pair, if one is there at least twice.
  std::optional<Pair> best() {
    while (!queue_.empty()) {
      const auto top = queue_.top();
      const auto found = counts_.find(top.pair);
      if (found != counts_.end() && found->second == top.count) return top.count >= 2 ? std::optional(top.pair) : std::nullopt;
      queue_.pop();  // the count has changed since
    }
    return std::nullopt;
  }

  void merge(const Pair& pair, Symbol merged) {
    const auto words = std::move(words_of_[pair]);
    words_of_.erase(pair);
    changed_.clear();
    for (const auto index : words) {
      auto& symbols = words_[index].symbols;
      add_pairs(index, -1);
      std::size_t to = 0;
      for (std::size_t from = 0; from < symbols.size(); ++from) {
        const bool here = from + 1 < symbols.size() && symbols[from] == pair.first && symbols[from + 1] == pair.second;
        symbols[to++] = here ? merged : symbols[from];
        if (here) ++from;
      }
      symbols.resize(to);
      add_pairs(index, 1);
    }
    for (const auto& other : changed_) {
      const auto found = counts_.find(other);
      if (found == counts_.end()) continue;
      if (found->second > 0) {
        queue_.emplace(found->second, other);
      } else {
        counts_.erase(found);
      }
    }
  }

 private:
  struct Entry {
    Entry(std::int64_t count_, Pair pair_) : count(count_), pair(std::move(pair_)) {}
    std::int64_t count;
    Pair pair;
    bool operator<(const Entry& other) const { return std::tie(count, other.pair) < std::tie(other.count, pair); }
  };

  void add_pairs(std::size_t index, int sign) {
    const auto& [symbols, count] = words_[index];
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Pair pair{symbols[i], symbols[i + 1]};
      counts_[pair] += sign * count;
      changed_.insert(pair);
      if (sign > 0) words_of_[pair].insert(index);
    }
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, std::int64_t, PairHash> counts_;
  std::unordered_map<Pair, std::unordered_set<std::size_t>, PairHash> words_of_;  // may name words that have the pair no more
  std::unordered_set<Pair, PairHash> changed_;
  std::priority_queue<Entry> queue_;
};

void write_files(const encoder::NewDirectory& directory, const encoder::Vocabulary& ids, const encoder::Merges& merges,
                 std::size_t context_length) {
  directory.write("vocab.json", encoder::vocab_json_text(ids));
  directory.write("merges.txt", encoder::merges_txt_text(merges));
  const json special = {{"bos_token", encoder::kStartOfText},
                        {"eos_token", encoder::kEndOfText},
                        {"unk_token", encoder::kEndOfText},
                        {"pad_token", encoder::kEndOfText}};
  directory.write("special_tokens_map.json", special.dump(2) + "\n");
  json config = special;
  config["tokenizer_class"] = "CLIPTokenizer";
  config["do_lower_case"] = true;
  config["model_max_length"] = context_length;
  directory.write("tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace

struct BpeTrainer::Impl {
  encoder::WordPattern pattern{encoder::WordPattern::Kind::kOpenAi};
  std::unordered_map<std::string, std::int64_t> words;
};

BpeTrainer::BpeTrainer() : impl_(std::make_unique<Impl>()) {}
BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::add(std::string_view text) {
  const auto clean = encoder::clean_text(text);
  encoder::WordPattern::Words words(impl_->pattern, clean);
  for (auto word = words.next(); !word.empty(); word = words.next()) {
    if (word == encoder::kStartOfText || word == encoder::kEndOfText) continue;
    ++impl_->words[std::string(word)];
  }
  if (impl_->words.size() > kWordsMax)
    throw std::runtime_error("the captions have more than " + std::to_string(kWordsMax) + " different words: train the tokenizer on fewer");
}

std::size_t BpeTrainer::train(std::size_t size, const std::filesystem::path& directory, std::size_t context_length) const {
  if (size < kVocabularyMin)
    throw std::invalid_argument("a vocabulary has " + std::to_string(kVocabularyMin) + " tokens or more: the bytes and two special ones");
  if (impl_->words.empty()) throw std::runtime_error("there is no word to train a tokenizer on");
  const auto order = encoder::byte_order();
  Symbol symbol_of[256];
  std::vector<std::string> symbols;
  for (std::size_t i = 0; i < order.size(); ++i) symbol_of[order[i]] = static_cast<Symbol>(i);
  for (const auto byte : order) symbols.push_back(encoder::byte_symbol(byte));
  for (const auto byte : order) symbols.push_back(encoder::byte_symbol(byte) + "</w>");
  // In an order that does not depend on the hash table's.
  const std::map<std::string, std::int64_t> sorted(impl_->words.begin(), impl_->words.end());
  std::vector<Word> words;
  for (const auto& [text, count] : sorted) {
    Word word{.symbols = {}, .count = count};
    for (const char byte : text) word.symbols.push_back(symbol_of[static_cast<unsigned char>(byte)]);
    word.symbols.back() += static_cast<Symbol>(order.size());
    words.push_back(std::move(word));
  }
  PairCounts pairs(std::move(words));
  encoder::Merges merges;
  std::unordered_map<std::string, Symbol> known;
  for (const auto& symbol : symbols) known.emplace(symbol, static_cast<Symbol>(known.size()));
  while (symbols.size() + 2 < size) {
    const auto pair = pairs.best();
    if (!pair) break;
    const auto& [left, right] =
        merges.emplace_back(symbols[static_cast<std::size_t>(pair->first)], symbols[static_cast<std::size_t>(pair->second)]);
    // "ab" + "c" and "a" + "bc" are one token.
    const auto [found, is_new] = known.emplace(left + right, static_cast<Symbol>(symbols.size()));
    if (is_new) symbols.push_back(found->first);
    pairs.merge(*pair, found->second);
  }
  encoder::Vocabulary ids(known.begin(), known.end());
  for (const auto* special : {encoder::kStartOfText, encoder::kEndOfText}) ids.try_emplace(special, static_cast<std::int32_t>(ids.size()));
  encoder::NewDirectory made(directory);
  write_files(made, ids, merges, context_length);
  made.publish(/*replace=*/true);
  return ids.size();
}

}  // namespace clipdex::training
