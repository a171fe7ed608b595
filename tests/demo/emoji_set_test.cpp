#include "demo/emoji_set.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>

#include "demo/emoji_font.h"
#include "demo/emoji_rules.h"
#include "tests/demo/emoji.h"
#include "tests/temporary_directory.h"

using namespace clipdex;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("the set is as large as a person's vocabulary of emoji, and no two names or pictures coincide") {
  const auto& set = tests::emoji();
  CHECK(set.emoji.size() >= 900);
  CHECK(set.emoji.size() <= 1250);
  std::set<std::string> names, chinese_names, sequences;
  std::set<std::vector<std::uint8_t>> pictures;
  for (const auto& one : set.emoji) {
    INFO(one.english.name);
    CHECK(names.insert(one.english.name).second);
    CHECK(chinese_names.insert(one.words[1].name).second);
    CHECK(sequences.insert(one.sequence).second);
    CHECK(pictures.emplace(one.picture.pixels.begin(), one.picture.pixels.end()).second);
  }
}

TEST_CASE("what people type is in the set, and families that differ in a detail are not") {
  for (const auto* name : {"red apple", "cat", "pizza", "umbrella", "crying face", "rocket", "guitar", "mermaid", "bow and arrow",
                           "heart with arrow", "crescent moon", "pirate flag", "polar bear", "astronaut"}) {
    INFO(name);
    CHECK(tests::emoji_named(name) < tests::emoji().emoji.size());
  }
  for (const auto* name : {"three o'clock", "six-thirty", "keycap: 1", "flag: France", "Aries", "A button (blood type)", "right arrow",
                           "waxing crescent moon", "man astronaut", "woman running", "person: red hair", "play button", "oncoming bus",
                           "waving hand: dark skin tone", "family: man, woman, boy", "last quarter moon face"}) {
    INFO(name);
    CHECK(tests::emoji_named(name) == tests::emoji().emoji.size());
  }
}

TEST_CASE("a rule says for which family an emoji is left out") {
  const demo::EmojiRules rules;
  CHECK(rules.left_out("🕒", "three o'clock") == "clock faces");
  CHECK(rules.left_out("👋🏿", "waving hand: dark skin tone") == "skin tones");
  CHECK(rules.left_out("♈", "Aries") == "zodiac signs");
  CHECK(rules.left_out("👨‍🍳", "man cook") == "genders of persons where there is a neutral picture");
  CHECK(rules.left_out("©", "copyright") == "characters of text");
  CHECK(rules.left_out("🍎", "red apple").empty());
}

TEST_CASE("a sequence is drawn as one picture, and what the font lacks is not drawn as a box") {
  const demo::EmojiFont font(tests::emoji_sources().font);
  const auto bear = font.draw("🐻"), polar_bear = font.draw("🐻‍❄"), pirate_flag = font.draw("🏴‍☠");
  REQUIRE(bear);
  REQUIRE(polar_bear);
  CHECK(pirate_flag);
  CHECK(bear->pixels != polar_bear->pixels);
  CHECK_FALSE(font.draw("🐻🍎"));
  CHECK_FALSE(font.draw("𓀀"));  // a hieroglyph
  CHECK_FALSE(font.draw(""));
}

TEST_CASE("a picture has colours that are not multiplied by alpha, and a clear surrounding") {
  const auto apple = demo::EmojiFont(tests::emoji_sources().font).draw("🍎");
  REQUIRE(apple);
  REQUIRE(apple->channels == 4);
  CHECK(apple->width > 100);
  CHECK(apple->pixels[3] == 0);
  // The middle is opaque and red.
  const auto* middle = &apple->pixels[static_cast<std::size_t>((apple->height / 2) * apple->width + apple->width / 2) * 4];
  CHECK(middle[3] == 255);
  CHECK(middle[0] > 180);
  CHECK(middle[2] < 120);
  // At the edge, where alpha is low, the red stays as strong: premultiplied it would be dark.
  int edge = 0, dark = 0;
  for (std::size_t at = 0; at < apple->pixels.size(); at += 4) {
    if (apple->pixels[at + 3] < 20 || apple->pixels[at + 3] > 90) continue;
    ++edge;
    if (std::max({apple->pixels[at], apple->pixels[at + 1], apple->pixels[at + 2]}) < 90) ++dark;
  }
  CHECK(edge > 20);
  CHECK(dark * 4 < edge);
}

TEST_CASE("a missing font, missing annotations and an unknown language are named, with the package or the folder") {
  auto sources = tests::emoji_sources();
  sources.font = "/nowhere/NotoColorEmoji.ttf";
  CHECK_THROWS_WITH(demo::load_emoji(sources, {"en"}),
                    ContainsSubstring("/nowhere/NotoColorEmoji.ttf") && ContainsSubstring("fonts-noto-color-emoji"));
  sources = tests::emoji_sources();
  sources.cldr = "/nowhere";
  CHECK_THROWS_WITH(demo::load_emoji(sources, {"en"}), ContainsSubstring("/nowhere") && ContainsSubstring("unicode-cldr-core"));
  CHECK_THROWS_AS(demo::load_emoji(tests::emoji_sources(), {"en", "klingon"}), std::invalid_argument);
  CHECK_THROWS_WITH(demo::load_emoji(tests::emoji_sources(), {"en", "klingon"}), ContainsSubstring("klingon"));
  CHECK_THROWS_AS(demo::load_emoji(tests::emoji_sources(), {"../en"}), std::invalid_argument);
  CHECK_THROWS_AS(demo::load_emoji(tests::emoji_sources(), {"en", "en"}), std::invalid_argument);
}
