#include "demo/hold_out.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "demo/english.h"
#include "demo/language.h"
#include "demo/random.h"

namespace clipdex::demo {
namespace {

constexpr std::size_t kKeywordsMin = 3;
constexpr std::size_t kKeywordBytesMax = 30;
constexpr std::size_t kKeywordWordsMax = 2;
constexpr std::uint64_t kPairsDivisor = 10, kPhrasesDivisor = 5;

bool is_held_out(std::uint64_t a, std::uint64_t b, std::uint64_t divisor) { return mix(mix(a) ^ b) % divisor == 0; }

bool is_phrase_held_out(const std::string& a, const std::string& b) {
  return is_held_out(hash(std::min(a, b)), hash(std::max(a, b)), kPhrasesDivisor);
}

// Lower case (of ASCII) without punctuation, words parted by one space.
std::string plain_words(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const bool letter = static_cast<unsigned char>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '\'';
    if (letter) {
      plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    } else if (!plain.empty() && plain.back() != ' ') {
      plain += ' ';
    }
  }
  if (!plain.empty() && plain.back() == ' ') plain.pop_back();
  return plain;
}

// Chinese and Japanese punctuation parts words too.
std::string with_plain_punctuation(std::string_view text) {
  std::string plain(text);
  for (const std::string_view mark : {"，", "、", "。", "·"}) {
    for (auto at = plain.find(mark); at != std::string::npos; at = plain.find(mark)) plain.replace(at, mark.size(), " ");
  }
  return plain;
}

std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

bool is_usable(const std::string& keyword, const std::string& name) {
  if (keyword.empty() || keyword.size() > kKeywordBytesMax || keyword == name) return false;
  if (static_cast<std::size_t>(std::count(keyword.begin(), keyword.end(), ' ')) >= kKeywordWordsMax) return false;
  return std::none_of(keyword.begin(), keyword.end(),
                      [](unsigned char c) { return c < 0x80 && !std::isalpha(c) && c != ' ' && c != '-' && c != '\''; });
}

// "red fruit", not "fruit red".
bool goes_first(const std::string& word) {
  static constexpr std::array<std::string_view, 24> kAdjectives = {
      "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray",  "grey",
      "old", "cold",   "hot",    "happy", "sad",  "angry",  "cute", "big",   "small", "sweet", "dirty", "wild"};
  return std::find(kAdjectives.begin(), kAdjectives.end(), word) != kAdjectives.end();
}

Phrase in_order(const std::string& a, const std::string& b) { return goes_first(b) && !goes_first(a) ? Phrase{b, a} : Phrase{a, b}; }

// What captions say side by side whatever is held out: the words of names, in the plural too, and a count or size before a name.
class UnavoidableWords {
 public:
  UnavoidableWords(const EmojiSet& set, std::size_t language) {
    const Language& grammar = language_of(set.languages[language]);
    for (const auto before : {grammar.big, grammar.small, grammar.counts[0], grammar.counts[1], grammar.counts[2]}) {
      std::istringstream words(plain_words(fill(before, {})));
      for (std::string word; words >> word;) counts_and_sizes_.push_back(word);
    }
    for (const auto& emoji : set.emoji) {
      const auto& name = emoji.words[language].name;
      names_ += without_spaces(plain_words(name)) + "\n";
      if (grammar.locale == "en" && is_countable(name)) names_ += without_spaces(plain_words(plural(name))) + "\n";
    }
  }

  bool has(const std::string& a, const std::string& b) const {
    for (const auto& word : counts_and_sizes_) {
      if (a == word || b == word) return true;
    }
    return names_.find(without_spaces(a + b)) != std::string::npos || names_.find(without_spaces(b + a)) != std::string::npos;
  }

 private:
  std::string names_;
  std::vector<std::string> counts_and_sizes_;
};

}  // namespace

HoldOut::HoldOut(const EmojiSet& set) : phrases_(set.languages.size()), held_out_(set.languages.size()) {
  for (std::size_t language = 0; language < set.languages.size(); ++language) {
    const UnavoidableWords unavoidable(set, language);
    for (const auto& emoji : set.emoji) {
      const std::string name = plain_words(emoji.words[language].name);
      PhrasesOfEmoji phrases{.name = name};
      for (const auto& keyword : emoji.words[language].keywords) {
        const std::string plain = plain_words(keyword);
        if (is_usable(plain, name)) phrases.keywords.push_back(plain);
      }
      const auto& usable = phrases.keywords;
      for (std::size_t i = 0; usable.size() >= kKeywordsMin && i < usable.size(); ++i) {
        for (std::size_t j = i + 1; j < usable.size(); ++j) {
          const auto &a = usable[i], &b = usable[j];
          if (a.starts_with(b) || b.starts_with(a)) continue;  // "cat cats"
          if (name.find(a) != std::string::npos && name.find(b) != std::string::npos) continue;
          const bool held_out = is_phrase_held_out(a, b) && !unavoidable.has(a, b);
          (held_out ? phrases.held_out : phrases.training).push_back(in_order(a, b));
          if (held_out) held_out_[language].insert({Phrase{a, b}.text(), Phrase{b, a}.text()});
        }
      }
      phrases_[language].push_back(std::move(phrases));
    }
  }
}

bool HoldOut::is_pair_held_out(const Emoji& a, const Emoji& b) {
  const auto first = hash(a.sequence), second = hash(b.sequence);
  return is_held_out(std::min(first, second), std::max(first, second), kPairsDivisor);
}

bool HoldOut::says(std::size_t emoji, std::size_t language, const std::string& word) const {
  const auto& words = phrases_[language][emoji];
  return words.name.find(word) != std::string::npos ||
         std::find(words.keywords.begin(), words.keywords.end(), word) != words.keywords.end();
}

bool HoldOut::occurs_in(std::string_view caption, std::size_t language) const {
  const std::string words = plain_words(with_plain_punctuation(caption));
  std::vector<std::size_t> starts = {0};
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == ' ') starts.push_back(i + 1);
  }
  starts.push_back(words.size() + 1);
  for (std::size_t first = 0; first + 1 < starts.size(); ++first) {
    for (std::size_t count = 2; count <= 2 * kKeywordWordsMax && first + count < starts.size(); ++count) {
      if (held_out_[language].contains(words.substr(starts[first], starts[first + count] - 1 - starts[first]))) return true;
    }
  }
  return false;
}

}  // namespace clipdex::demo
