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
#include "encoder/training/parallel_work.h"
#include "encoder/word_pattern.h"

namespace clipdex::training {
namespace {

using nlohmann::json;
using Symbol = std::int32_t;
using Pair = std::pair<Symbol, Symbol>;

constexpr std::size_t kWordsMax = 20'000'000;

std::uint64_t key_of(const Pair& pair) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(pair.first)) << 32 | static_cast<std::uint32_t>(pair.second);
}

struct Word {
  std::vector<Symbol> symbols;
  std::int64_t count = 0;
};

// The words as symbols, and how often each pair of neighbours is there. A merge costs what it changes.
class PairCounts {
 public:
  explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
    for (std::uint32_t word = 0; word < words_.size(); ++word) {
      const auto& symbols = words_[word].symbols;
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) add({symbols[i], symbols[i + 1]}, word);
    }
    queue_grown();
  }

  // The most frequent pair, if one is there at least twice.
  std::optional<Pair> best() {
    while (!queue_.empty() && queue_.top().count >= 2) {
      const auto top = queue_.top();
      const auto count = counts_.at(key_of(top.pair));
      if (count == top.count) return top.pair;
      queue_.pop();  // it has become less since
      queue_.push({count, top.pair});
    }
    return std::nullopt;
  }

  void merge(const Pair& pair, Symbol merged) {
    const auto words = std::move(words_of_[key_of(pair)]);
    words_of_.erase(key_of(pair));
    for (const auto word : words) merge_in(word, pair, merged);
    queue_grown();
  }

 private:
  struct Entry {
    std::int64_t count;
    Pair pair;
    bool operator<(const Entry& other) const { return std::tie(count, other.pair) < std::tie(other.count, pair); }
  };

  void add(const Pair& pair, std::uint32_t word) {
    const auto key = key_of(pair);
    counts_[key] += words_[word].count;
    auto& words = words_of_[key];
    if (words.empty() || words.back() != word) words.push_back(word);
    if (grown_keys_.insert(key).second) grown_.push_back(pair);
  }
  void remove(const Pair& pair, std::uint32_t word) { counts_[key_of(pair)] -= words_[word].count; }

  void merge_in(std::uint32_t word, const Pair& pair, Symbol merged) {
    auto& symbols = words_[word].symbols;
    std::size_t to = 0;
    for (std::size_t from = 0; from < symbols.size(); ++from) {
      if (from + 1 == symbols.size() || symbols[from] != pair.first || symbols[from + 1] != pair.second) {
        symbols[to++] = symbols[from];
        continue;
      }
      remove(pair, word);
      if (to > 0) {
        remove({symbols[to - 1], pair.first}, word);
        add({symbols[to - 1], merged}, word);
      }
      if (from + 2 < symbols.size()) {
        remove({pair.second, symbols[from + 2]}, word);
        add({merged, symbols[from + 2]}, word);
      }
      symbols[to++] = merged;
      ++from;
    }
    symbols.resize(to);
  }

  // What has become more since the last time.
  void queue_grown() {
    for (const auto& pair : grown_) queue_.push({counts_.at(key_of(pair)), pair});
    grown_.clear();
    grown_keys_.clear();
  }

  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, std::int64_t> counts_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> words_of_;  // may name words that have the pair no more
  std::vector<Pair> grown_;
  std::unordered_set<std::uint64_t> grown_keys_;
  std::priority_queue<Entry> queue_;  // no count is less than the true one
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

// Texts are counted some thousands at a time, by all threads.
struct BpeTrainer::Impl {
  explicit Impl(int threads_) : threads(threads_) {}

  void count_pending() {
    std::vector<std::unordered_map<std::string, std::int64_t>> counted(static_cast<std::size_t>(threads));
    for_each_in_parallel(counted.size(), threads, [&](std::size_t part) {
      for (std::size_t i = part; i < pending.size(); i += counted.size()) count(pending[i], counted[part]);
    });
    pending.clear();
    for (const auto& part : counted) {
      for (const auto& [word, times] : part) words[word] += times;
    }
    if (words.size() > kWordsMax)
      throw std::runtime_error("the captions have more than " + std::to_string(kWordsMax) +
                               " different words: train the tokenizer on fewer");
  }

  void count(const std::string& text, std::unordered_map<std::string, std::int64_t>& counts) const {
    const auto clean = encoder::clean_text(text);
    encoder::WordPattern::Words parts(pattern, clean);
    for (auto word = parts.next(); !word.empty(); word = parts.next()) {
      if (word != encoder::kStartOfText && word != encoder::kEndOfText) ++counts[std::string(word)];
    }
  }

  int threads;
  encoder::WordPattern pattern{encoder::WordPattern::Kind::kOpenAi};
  std::unordered_map<std::string, std::int64_t> words;
  std::vector<std::string> pending;
};

BpeTrainer::BpeTrainer(int threads) : impl_(std::make_unique<Impl>(std::max(1, threads))) {}
BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::add(std::string_view text) {
  constexpr std::size_t kPendingMax = 65'536;
  impl_->pending.emplace_back(text);
  if (impl_->pending.size() == kPendingMax) impl_->count_pending();
}

std::size_t BpeTrainer::train(std::size_t size, const std::filesystem::path& directory, std::size_t context_length) {
  impl_->count_pending();
  if (size < kVocabularyMin)
    throw std::invalid_argument("a vocabulary has " + std::to_string(kVocabularyMin) + " tokens or more: the bytes and two special ones");
  if (impl_->words.empty()) throw std::runtime_error("there is no word to train a tokenizer on");
  const auto order = encoder::byte_order();
  Symbol symbol_of[256];
  std::vector<std::string> symbols;
  symbols.reserve(2 * order.size());
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
