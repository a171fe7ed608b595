// What training never sees, so that tests of a trained model are honest.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "demo/emoji_set.h"

namespace clipdex::demo {

// Two keywords of one emoji, as a person types them: "red fruit".
struct Phrase {
  std::string first, second;
  std::string text() const { return first + " " + second; }
};

// The rules depend on the emoji and their words alone: not on a seed, nor on the languages that are asked for.
//
// Pairs: with h = FNV-1a (64 bits) of each emoji's UTF-8 without variation selectors, the pair is held out if
// mix(mix(smaller h) ^ larger h) % 10 == 0. Of all pairs that is a tenth.
//
// Phrases: for an emoji with at least three usable keywords in a language, any two of them make a phrase, unless the emoji's name has
// both. It is held out if mix(mix(FNV-1a of the lesser word) ^ FNV-1a of the greater) % 5 == 0, words compared as bytes; but not if
// captions cannot but say it: some emoji's name has the two side by side, or one of them is a word for a count or a size ("two", "big").
//
// A value; safe to read from many threads.
class HoldOut {
 public:
  explicit HoldOut(const EmojiSet& set);

  static bool is_pair_held_out(const Emoji& a, const Emoji& b);

  // language: its place in the set's list.
  const std::vector<Phrase>& held_out_phrases(std::size_t emoji, std::size_t language) const { return phrases_[language][emoji].held_out; }
  const std::vector<Phrase>& training_phrases(std::size_t emoji, std::size_t language) const { return phrases_[language][emoji].training; }
  // Keywords that may stand alone or behind the name.
  const std::vector<std::string>& keywords(std::size_t emoji, std::size_t language) const { return phrases_[language][emoji].keywords; }

  // Whether the word is a keyword of the emoji or stands in its name.
  bool says(std::size_t emoji, std::size_t language, const std::string& word) const;

  // Whether a held-out phrase of any emoji stands in the caption, in either order; punctuation does not part its words.
  bool occurs_in(std::string_view caption, std::size_t language) const;

 private:
  struct PhrasesOfEmoji {
    std::string name;  // in lower case, without punctuation
    std::vector<std::string> keywords;
    std::vector<Phrase> training, held_out;
  };

  std::vector<std::vector<PhrasesOfEmoji>> phrases_;       // [language][emoji]
  std::vector<std::unordered_set<std::string>> held_out_;  // [language]: texts in both orders
};

}  // namespace clipdex::demo
