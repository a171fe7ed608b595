#include "demo/captions.h"

#include <algorithm>

#include "demo/english.h"
#include "demo/language.h"

namespace clipdex::demo {
namespace {

bool is_english(const Language& language) { return language.locale == "en"; }

// "a red apple", "two red apples", "big red apple", "红苹果", "两个红苹果".
std::string noun(const std::string& name, int count, std::string_view size, bool article, const Language& language) {
  if (count > 1) return fill(language.counts[static_cast<std::size_t>(count - 2)], {.a = is_english(language) ? plural(name) : name});
  const std::string sized = size.empty() ? name : fill(size, {.a = name});
  return article && is_english(language) ? (is_countable(name) ? with_article(sized) : sized) : sized;
}

const std::vector<std::string_view>& ordered_templates(const Scene& scene, const Language& language) {
  const auto& templates = scene.arrangement == Arrangement::kLeftRight ? language.left_right : language.above_below;
  return templates.empty() ? language.two : templates;
}

std::string with_background(std::string text, const Scene& scene, const Language& language, bool sentence, Random& random) {
  if (!scene.background.color || language.background.empty()) return text;
  const std::string color(language.colors[*scene.background.color]);
  const auto choice = sentence ? language.background.back() : random.among(language.background);
  return fill(choice, {.a = std::move(text), .color = color});
}

}  // namespace

std::string Captions::single(const Scene& scene, std::size_t language, bool keywords, Random& random) const {
  const std::size_t emoji = scene.groups[0].emoji;
  const std::string& name = set_.emoji[emoji].words[language].name;
  const Language& grammar = language_of(set_.languages[language]);
  const auto& usable = hold_out_.keywords(emoji, language);
  const auto& phrases = hold_out_.training_phrases(emoji, language);
  const int kind = random.below(100);
  if (keywords && kind < 40 && !phrases.empty()) return random.among(phrases).text();
  if (keywords && kind < 52 && !usable.empty()) return random.among(usable);
  if (keywords && kind < 70 && !usable.empty()) return fill(grammar.keyword, {.a = name, .b = random.among(usable)});
  std::string_view size;
  if (random.chance(25)) size = scene.size == Scene::Size::kBig ? grammar.big : scene.size == Scene::Size::kSmall ? grammar.small : "";
  // English names with capitals and articles within are titles, of which there is no small one.
  if (is_english(grammar) && !is_countable(name)) size = "";
  const std::string what = noun(name, 1, size, random.chance(50), grammar);
  return random.chance(25) ? with_background(what, scene, grammar, /*sentence=*/false, random) : what;
}

std::string Captions::composed(const Scene& scene, std::size_t language, Random& random) const {
  const Language& grammar = language_of(set_.languages[language]);
  // Left, right, above and below need not be said.
  const bool ordered = scene.arrangement == Arrangement::kLeftRight || scene.arrangement == Arrangement::kAboveBelow;
  const auto& templates = ordered && random.chance(75) ? ordered_templates(scene, grammar)
                          : scene.groups.size() == 3   ? grammar.three
                                                       : grammar.two;
  const std::string_view sentence = scene.groups.size() == 1 ? "{a}" : random.among(templates);
  const bool counted = std::any_of(scene.groups.begin(), scene.groups.end(), [](const Group& group) { return group.count > 1; });
  // Who types two bare words types no articles; who counts does.
  const bool article = sentence != "{a} {b}" && (counted || random.chance(60));
  std::vector<std::string> nouns;
  for (const auto& group : scene.groups) {
    std::string_view size;
    if (scene.arrangement == Arrangement::kBigSmall) size = nouns.empty() ? grammar.big : grammar.small;
    nouns.push_back(noun(set_.emoji[group.emoji].words[language].name, group.count, size, article, grammar));
  }
  if (!ordered) random.shuffle(nouns);
  nouns.resize(3);
  std::string text = fill(sentence, {.a = nouns[0], .b = nouns[1], .c = nouns[2]});
  return random.chance(25) ? with_background(std::move(text), scene, grammar, ordered, random) : text;
}

std::vector<std::string> Captions::of(const Scene& scene, std::size_t language, int count, Random& random) const {
  for (const auto& group : scene.groups) {
    if (set_.emoji[group.emoji].words[language].name.empty()) return {};
  }
  std::vector<std::string> captions;
  constexpr int kAttempts = 20;
  for (int wanted = 0; wanted < count; ++wanted) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto caption =
          scene.arrangement == Arrangement::kSingle ? single(scene, language, wanted > 0, random) : composed(scene, language, random);
      if (std::find(captions.begin(), captions.end(), caption) != captions.end() || hold_out_.occurs_in(caption, language)) continue;
      captions.push_back(caption);
      break;
    }
  }
  return captions;
}

}  // namespace clipdex::demo
