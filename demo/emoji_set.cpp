#include "demo/emoji_set.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "demo/emoji_font.h"
#include "demo/emoji_rules.h"
#include "demo/random.h"

namespace clipdex::demo {
namespace {

std::string in_lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Words words_of(const Annotations& annotations, const std::string& sequence) {
  const auto found = annotations.words.find(sequence);
  return found == annotations.words.end() ? Words{} : found->second;
}

}  // namespace

EmojiSet load_emoji(const EmojiSources& sources, const std::vector<std::string>& languages) {
  if (languages.empty()) throw std::invalid_argument("at least one language is needed");
  if (std::set<std::string>(languages.begin(), languages.end()).size() != languages.size())
    throw std::invalid_argument("a language is given twice");
  const EmojiFont font(sources.font);
  const Annotations english = read_annotations(sources.cldr, "en"), chinese = read_annotations(sources.cldr, "zh");
  std::vector<Annotations> asked;
  asked.reserve(languages.size());
  for (const auto& language : languages) asked.push_back(read_annotations(sources.cldr, language));

  EmojiSet set{.languages = languages};
  const EmojiRules rules;
  std::set<std::string> names, chinese_names;
  std::set<std::uint64_t> pictures;
  for (const auto& sequence : english.sequences) {
    const Words& words = english.words.at(sequence);
    const std::string chinese_name = words_of(chinese, sequence).name;
    if (words.name.empty() || chinese_name.empty() || !rules.left_out(sequence, words.name).empty()) continue;
    auto picture = font.draw(sequence);
    if (!picture || names.contains(in_lower_case(words.name)) || chinese_names.contains(chinese_name)) continue;
    const std::string_view pixels(reinterpret_cast<const char*>(picture->pixels.data()), picture->pixels.size());
    if (!pictures.insert(hash(pixels)).second) continue;
    names.insert(in_lower_case(words.name));
    chinese_names.insert(chinese_name);
    Emoji emoji{.sequence = sequence, .english = words, .picture = std::move(*picture)};
    for (const auto& annotations : asked) emoji.words.push_back(words_of(annotations, sequence));
    set.emoji.push_back(std::move(emoji));
  }
  return set;
}

}  // namespace clipdex::demo
