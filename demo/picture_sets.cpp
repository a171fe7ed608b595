#include "demo/picture_sets.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "demo/captions.h"
#include "demo/hold_out.h"
#include "demo/random.h"

namespace clipdex::demo {
namespace {

struct Kind {
  SetKind kind;
  std::string_view name;  // also the stream of its random numbers
  std::size_t count;      // pictures, if nothing else is asked for; 0: as many as there are
};
constexpr std::array<Kind, 5> kKinds = {{{SetKind::kTraining, "training", 200'000},
                                         {SetKind::kSingles, "singles", 0},
                                         {SetKind::kPairs, "pairs", 1000},
                                         {SetKind::kKeywords, "keywords", 0},
                                         {SetKind::kGallery, "gallery", 3000}}};

const Kind& kind_of(SetKind kind) {
  return *std::find_if(kKinds.begin(), kKinds.end(), [kind](const Kind& known) { return known.kind == kind; });
}

// The demo shows these whatever the seed is: they answer what a person tries first.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kDemoScenes = {{{"cat", "pizza"},
                                                                                       {"dog", "umbrella"},
                                                                                       {"red apple", "banana"},
                                                                                       {"rocket", "full moon"},
                                                                                       {"guitar", "microphone"},
                                                                                       {"penguin", "snowflake"},
                                                                                       {"hot beverage", "croissant"},
                                                                                       {"bicycle", "house with garden"}}};

std::string numbered(std::string_view what, std::size_t number, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*zu", digits, number);
  return std::string(what) + text;
}

// "man's shoe" -> "mans-shoe".
std::string slug(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '\'') continue;
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept || (c >= 'A' && c <= 'Z')) {
      text += static_cast<char>(kept ? c : c - 'A' + 'a');
    } else if (!text.empty() && text.back() != '-') {
      text += '-';
    }
  }
  while (!text.empty() && text.back() == '-') text.pop_back();
  return text;
}

}  // namespace

SetKind set_kind(std::string_view name) {
  std::string names;
  for (const auto& kind : kKinds) {
    if (kind.name == name) return kind.kind;
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  throw std::invalid_argument("there is no set \"" + std::string(name) + "\"; there are " + names);
}

struct PictureSet::Impl {
  Impl(const EmojiSet& set, const SetOptions& chosen)
      : emoji(set), options(chosen), hold_out(set), captions(set, hold_out), scenes(set, chosen.kind == SetKind::kTraining) {
    name_emoji();
    const auto& kind = kind_of(options.kind);
    if (options.kind == SetKind::kPairs) choose_pairs(options.count == 0 ? kind.count : options.count);
    if (options.kind == SetKind::kKeywords) choose_phrases();
    size = options.kind == SetKind::kSingles    ? emoji.emoji.size()
           : options.kind == SetKind::kKeywords ? phrases.size()
           : options.count == 0                 ? kind.count
                                                : options.count;
    if ((options.kind == SetKind::kSingles || options.kind == SetKind::kKeywords) && options.count != 0)
      throw std::invalid_argument("the set \"" + std::string(kind.name) +
                                  "\" has as many pictures as it has, so that --count has no place");
  }

  void name_emoji() {
    std::set<std::string> taken;
    for (const auto& one : emoji.emoji) {
      const std::string plain = slug(one.english.name);
      std::string key = plain;
      for (int number = 2; !taken.insert(key).second; ++number) key = plain + "-" + std::to_string(number);
      keys.push_back(std::move(key));
    }
  }

  // Different pairs, all of them held out.
  void choose_pairs(std::size_t count) {
    std::vector<std::pair<std::size_t, std::size_t>> all;
    for (std::size_t a = 0; a < emoji.emoji.size(); ++a) {
      for (std::size_t b = a + 1; b < emoji.emoji.size(); ++b) {
        if (HoldOut::is_pair_held_out(emoji.emoji[a], emoji.emoji[b])) all.emplace_back(a, b);
      }
    }
    if (count > all.size()) throw std::invalid_argument("there are " + std::to_string(all.size()) + " held-out pairs, fewer than --count");
    Random random(options.seed, "choice of pairs", 0);
    random.shuffle(all);
    for (auto& [a, b] : all) {
      if (random.chance(50)) std::swap(a, b);
    }
    pairs.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  }

  // Of each emoji and language one held-out phrase that is true of this emoji alone.
  void choose_phrases() {
    for (std::size_t one = 0; one < emoji.emoji.size(); ++one) {
      std::vector<std::vector<std::string>> chosen;
      bool any = false;
      for (std::size_t language = 0; language < emoji.languages.size(); ++language) {
        std::vector<std::string> fitting;
        for (const auto& phrase : hold_out.held_out_phrases(one, language)) {
          std::size_t matches = 0;
          for (std::size_t other = 0; other < emoji.emoji.size(); ++other)
            matches += hold_out.says(other, language, phrase.first) && hold_out.says(other, language, phrase.second) ? 1 : 0;
          if (matches <= 1) fitting.push_back(phrase.text());
        }
        Random random(options.seed, "choice of phrases", one * emoji.languages.size() + language);
        chosen.push_back(fitting.empty() ? std::vector<std::string>{} : std::vector<std::string>{random.among(fitting)});
        any = any || !fitting.empty();
      }
      if (any) phrases.emplace_back(one, std::move(chosen));
    }
  }

  std::size_t number_of(std::string_view name) const {
    const auto found = std::find_if(emoji.emoji.begin(), emoji.emoji.end(), [&](const Emoji& one) { return one.english.name == name; });
    return static_cast<std::size_t>(found - emoji.emoji.begin());
  }

  void say(Picture& picture, int count, Random& random) const {
    for (std::size_t language = 0; language < emoji.languages.size(); ++language)
      picture.captions.push_back(captions.of(picture.scene, language, count, random));
  }

  Picture training(std::size_t number, Random& random) const {
    Picture picture{.key = numbered("", number, 9)};
    const bool scene = random.chance(options.scenes_percent);
    picture.scene =
        scene ? scenes.any(random) : scenes.single(static_cast<std::size_t>(random.below(static_cast<int>(emoji.emoji.size()))), random);
    say(picture, options.captions, random);
    return picture;
  }

  // By its bare name.
  Picture single(std::size_t one, Random& random, int percent_least = SceneMaker::kSinglePercentLeast) const {
    Picture picture{.key = keys[one], .scene = scenes.single(one, random, percent_least)};
    for (const auto& words : emoji.emoji[one].words)
      picture.captions.push_back(words.name.empty() ? std::vector<std::string>{} : std::vector<std::string>{words.name});
    return picture;
  }

  Picture gallery(std::size_t number, Random& random) const {
    if (number < emoji.emoji.size()) return single(number, random, /*percent_least=*/60);
    const std::size_t scene = number - emoji.emoji.size();
    Picture picture{.key = numbered("scene-", scene, 4)};
    const auto demo = scene < kDemoScenes.size() ? kDemoScenes[scene] : kDemoScenes[0];
    const auto first = number_of(demo.first), second = number_of(demo.second);
    const bool fixed = scene < kDemoScenes.size() && std::max(first, second) < emoji.emoji.size();
    picture.scene = fixed ? scenes.pair(first, second, random) : scenes.any(random);
    say(picture, /*count=*/1, random);
    return picture;
  }

  const EmojiSet& emoji;
  SetOptions options;
  HoldOut hold_out;
  Captions captions;
  SceneMaker scenes;
  std::size_t size = 0;
  std::vector<std::string> keys;  // one an emoji
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  std::vector<std::pair<std::size_t, std::vector<std::vector<std::string>>>> phrases;  // emoji, [language] captions
};

PictureSet::PictureSet(const EmojiSet& emoji, const SetOptions& options) : impl_(std::make_unique<Impl>(emoji, options)) {}

PictureSet::~PictureSet() = default;

std::size_t PictureSet::size() const { return impl_->size; }

Picture PictureSet::picture(std::size_t number) const {
  Random random(impl_->options.seed, kind_of(impl_->options.kind).name, number);
  switch (impl_->options.kind) {
    case SetKind::kTraining:
      return impl_->training(number, random);
    case SetKind::kSingles:
      return impl_->single(number, random);
    case SetKind::kGallery:
      return impl_->gallery(number, random);
    case SetKind::kPairs: {
      const auto& [first, second] = impl_->pairs[number];
      Picture picture{.key = numbered("pair-", number, 5), .scene = impl_->scenes.pair(first, second, random)};
      impl_->say(picture, /*count=*/1, random);
      return picture;
    }
    case SetKind::kKeywords: {
      const auto& [one, captions] = impl_->phrases[number];
      return {.key = impl_->keys[one], .scene = impl_->scenes.single(one, random), .captions = captions};
    }
  }
  throw std::logic_error("a kind of set without pictures");
}

}  // namespace clipdex::demo
