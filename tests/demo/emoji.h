// The demo's emoji in the languages that have sentences, loaded once for all tests.
#pragma once

#include <string>
#include <vector>

#include "demo/emoji_set.h"

namespace clipdex::tests {

inline const std::vector<std::string> kLanguages = {"en", "zh", "de", "fr", "es", "ja"};

inline demo::EmojiSources emoji_sources() { return {.font = CLIPDEX_EMOJI_FONT, .cldr = CLIPDEX_CLDR}; }

inline const demo::EmojiSet& emoji() {
  static const demo::EmojiSet set = demo::load_emoji(emoji_sources(), kLanguages);
  return set;
}

inline std::size_t emoji_named(const std::string& name) {
  std::size_t number = 0;
  while (number < emoji().emoji.size() && emoji().emoji[number].english.name != name) ++number;
  return number;
}

}  // namespace clipdex::tests
