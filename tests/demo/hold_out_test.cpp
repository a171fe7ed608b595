#include "demo/hold_out.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "demo/picture_sets.h"
#include "tests/demo/emoji.h"

using namespace clipdex;

TEST_CASE("a tenth of the pairs is held out, whatever the order of the two") {
  const auto& all = tests::emoji().emoji;
  std::size_t pairs = 0, held_out = 0;
  for (std::size_t a = 0; a < all.size(); a += 3) {
    for (std::size_t b = a + 1; b < all.size(); b += 3) {
      ++pairs;
      if (demo::HoldOut::is_pair_held_out(all[a], all[b])) ++held_out;
      CHECK(demo::HoldOut::is_pair_held_out(all[a], all[b]) == demo::HoldOut::is_pair_held_out(all[b], all[a]));
    }
  }
  CHECK(held_out * 100 > pairs * 9);
  CHECK(held_out * 100 < pairs * 11);
}

TEST_CASE("which pairs and phrases are held out does not change from build to build") {
  const auto& set = tests::emoji();
  const demo::HoldOut hold_out(set);
  std::string pairs;
  for (std::size_t other = 0; pairs.size() < 20; ++other)
    pairs += demo::HoldOut::is_pair_held_out(set.emoji[tests::emoji_named("cat")], set.emoji[other]) ? '1' : '0';
  CHECK(pairs == "10000001000010000010");
  const auto& phrases = hold_out.held_out_phrases(tests::emoji_named("red apple"), 0);
  std::string all;
  for (const auto& phrase : phrases) all += phrase.text() + ";";
  CHECK(all == "food health;red health;");
}

TEST_CASE("no training picture shows a held-out pair or says a held-out phrase") {
  const auto& set = tests::emoji();
  const demo::HoldOut hold_out(set);
  const demo::PictureSet training(set,
                                  {.kind = demo::SetKind::kTraining, .seed = 11, .count = 12'000, .scenes_percent = 50, .captions = 3});
  std::size_t pairs = 0, captions = 0;
  for (std::size_t number = 0; number < training.size(); ++number) {
    const auto picture = training.picture(number);
    for (const auto& a : picture.scene.groups) {
      for (const auto& b : picture.scene.groups) {
        if (a.emoji >= b.emoji) continue;
        ++pairs;
        if (demo::HoldOut::is_pair_held_out(set.emoji[a.emoji], set.emoji[b.emoji])) FAIL("held-out pair in picture " << number);
      }
    }
    for (std::size_t language = 0; language < set.languages.size(); ++language) {
      // Looked for plainly, emoji by emoji, not with the index that training uses.
      for (const auto& caption : picture.captions[language]) {
        ++captions;
        for (const auto& group : picture.scene.groups) {
          for (const auto& phrase : hold_out.held_out_phrases(group.emoji, language)) {
            const bool said = (" " + caption + " ").find(" " + phrase.text() + " ") != std::string::npos ||
                              (" " + caption + " ").find(" " + phrase.second + " " + phrase.first + " ") != std::string::npos;
            if (said) FAIL("\"" << phrase.text() << "\" is said in picture " << number << ": " << caption);
          }
        }
      }
    }
  }
  CHECK(pairs > 4'000);
  CHECK(captions > 150'000);
}

TEST_CASE("the tests' sets have held-out pairs and phrases alone, each once") {
  const auto& set = tests::emoji();
  const demo::HoldOut hold_out(set);
  const demo::PictureSet pairs(set, {.kind = demo::SetKind::kPairs, .count = 500});
  REQUIRE(pairs.size() == 500);
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (std::size_t number = 0; number < pairs.size(); ++number) {
    const auto picture = pairs.picture(number);
    REQUIRE(picture.scene.groups.size() == 2);
    const auto a = picture.scene.groups[0].emoji, b = picture.scene.groups[1].emoji;
    CHECK(demo::HoldOut::is_pair_held_out(set.emoji[a], set.emoji[b]));
    CHECK(seen.insert({std::min(a, b), std::max(a, b)}).second);
  }

  const demo::PictureSet keywords(set, {.kind = demo::SetKind::kKeywords});
  CHECK(keywords.size() > 700);
  std::set<std::string> captions;
  for (std::size_t number = 0; number < keywords.size(); ++number) {
    const auto picture = keywords.picture(number);
    for (std::size_t language = 0; language < 2; ++language) {
      for (const auto& caption : picture.captions[language]) {
        INFO(caption);
        CHECK(hold_out.occurs_in(caption, language));
        CHECK(captions.insert(caption).second);
      }
    }
  }
}

TEST_CASE("a held-out phrase is found in either order and across punctuation, and only whole words are") {
  const auto& set = tests::emoji();
  const demo::HoldOut hold_out(set);
  const auto& phrases = hold_out.held_out_phrases(tests::emoji_named("dog face"), 0);
  REQUIRE(!phrases.empty());
  const auto& phrase = phrases.front();
  CHECK(hold_out.occurs_in(phrase.text(), 0));
  CHECK(hold_out.occurs_in("a " + phrase.second + ", " + phrase.first + " here", 0));
  CHECK_FALSE(hold_out.occurs_in(phrase.first + " and the " + phrase.second, 0));
  CHECK_FALSE(hold_out.occurs_in("", 0));
}
