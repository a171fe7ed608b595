#include "demo/captions.h"

#include <utf8proc.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "demo/picture_sets.h"
#include "tests/demo/emoji.h"

using namespace clipdex;

namespace {

bool is_utf8(const std::string& text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = 0;
    const auto length = ::utf8proc_iterate(at, left, &point);
    if (length <= 0) return false;
    at += length;
    left -= length;
  }
  return true;
}

std::set<std::string> captions_of(const demo::Scene& scene, std::size_t language) {
  static const demo::HoldOut hold_out(tests::emoji());
  const demo::Captions captions(tests::emoji(), hold_out);
  demo::Random random(1, "test", 1);
  std::set<std::string> all;
  for (int i = 0; i < 400; ++i) {
    for (const auto& caption : captions.of(scene, language, 1, random)) all.insert(caption);
  }
  return all;
}

}  // namespace

TEST_CASE("every picture has captions in every language, in valid UTF-8 and without a template's marks") {
  const demo::PictureSet set(tests::emoji(), {.kind = demo::SetKind::kTraining, .count = 10'000, .captions = 2});
  std::vector<std::string> faults;  // names and captions
  for (std::size_t number = 0; number < set.size(); ++number) {
    const auto picture = set.picture(number);
    for (std::size_t language = 0; language < tests::kLanguages.size(); ++language) {
      const auto& captions = picture.captions[language];
      const bool named = std::all_of(picture.scene.groups.begin(), picture.scene.groups.end(), [&](const demo::Group& group) {
        return !tests::emoji().emoji[group.emoji].words[language].name.empty();
      });
      if (captions.empty() == named) faults.push_back(tests::emoji().emoji[picture.scene.groups[0].emoji].words[language].name);
      for (const auto& caption : captions) {
        if (caption.empty() || !is_utf8(caption) || caption.find_first_of("{}") != std::string::npos) faults.push_back(caption);
      }
    }
  }
  CHECK(faults.empty());
}

TEST_CASE("two pictures side by side are described as they stand") {
  demo::Scene scene{.arrangement = demo::Arrangement::kLeftRight,
                    .groups = {{.emoji = tests::emoji_named("cat")}, {.emoji = tests::emoji_named("pizza")}}};
  auto english = captions_of(scene, 0), chinese = captions_of(scene, 1);
  CHECK(english.contains("a cat to the left of a pizza"));
  CHECK(english.contains("a cat on the left and a pizza on the right"));
  CHECK(english.contains("a pizza to the right of a cat"));
  CHECK(english.contains("a cat and a pizza"));
  CHECK_FALSE(english.contains("a pizza to the left of a cat"));
  CHECK_FALSE(english.contains("a cat above a pizza"));
  CHECK(chinese.contains("猫在披萨左边"));
  CHECK_FALSE(chinese.contains("披萨在猫左边"));
  scene.arrangement = demo::Arrangement::kAboveBelow;
  english = captions_of(scene, 0);
  CHECK(english.contains("a cat above a pizza"));
  CHECK_FALSE(english.contains("a pizza above a cat"));
}

TEST_CASE("counts, backgrounds and sizes are said in the language's own way") {
  const demo::Scene two{.arrangement = demo::Arrangement::kTogether, .groups = {{.emoji = tests::emoji_named("red apple"), .count = 2}}};
  CHECK(captions_of(two, 0) == std::set<std::string>{"two red apples"});
  CHECK(captions_of(two, 1) == std::set<std::string>{"两个红苹果"});
  demo::Scene blue{.groups = {{.emoji = tests::emoji_named("red apple")}}, .size = demo::Scene::Size::kBig};
  blue.background.color = 4;
  const auto english = captions_of(blue, 0), chinese = captions_of(blue, 1), german = captions_of(blue, 2);
  CHECK(english.contains("a red apple on a blue background"));
  CHECK(english.contains("a big red apple"));
  CHECK(chinese.contains("蓝色背景上的红苹果"));
  CHECK(german.contains("roter Apfel auf blauem Hintergrund"));
  CHECK_FALSE(english.contains("a small red apple"));
}

TEST_CASE("most captions of a single say its name, and some are keywords") {
  const demo::PictureSet set(tests::emoji(), {.kind = demo::SetKind::kTraining, .count = 4000, .scenes_percent = 0});
  int names = 0, all = 0;
  for (std::size_t number = 0; number < set.size(); ++number) {
    const auto picture = set.picture(number);
    for (const auto& caption : picture.captions[0]) {
      ++all;
      if (caption.find(tests::emoji().emoji[picture.scene.groups[0].emoji].english.name) != std::string::npos) ++names;
    }
  }
  CHECK(names * 100 > all * 55);
  CHECK(names * 100 < all * 90);
}
