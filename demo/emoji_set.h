// The emoji that the demo's pictures show.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "demo/annotations.h"
#include "encoder/image.h"

namespace clipdex::demo {

struct Emoji {
  std::string sequence;      // UTF-8, without variation selectors
  Words english;             // whatever the languages are: the rules and the files' names go by it
  std::vector<Words> words;  // one a language of the set; an empty name: CLDR has none there
  encoder::Image picture;    // RGBA
};

// A value; safe to read from many threads. An emoji's number is its place.
struct EmojiSet {
  std::vector<std::string> languages;
  std::vector<Emoji> emoji;
};

struct EmojiSources {
  std::filesystem::path font, cldr;
};

// In CLDR's order, the same for all languages. English names differ from each other, and so do Chinese names and pictures: of two that
// coincide the first stays. Throws as EmojiFont and read_annotations() do, and std::invalid_argument if no language, or one twice, is
// given.
EmojiSet load_emoji(const EmojiSources& sources, const std::vector<std::string>& languages);

}  // namespace clipdex::demo
