#include "demo/language.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/demo/emoji.h"

using namespace clipdex;

TEST_CASE("every language with sentences says everything of two, three, left, right, above, below, counts and backgrounds") {
  for (const auto& locale : tests::kLanguages) {
    INFO(locale);
    const auto& language = demo::language_of(locale);
    CHECK(language.locale == locale);
    const auto all_have = [](const std::vector<std::string_view>& templates, std::initializer_list<std::string_view> marks) {
      REQUIRE(!templates.empty());
      for (const auto text : templates) {
        INFO(text);
        for (const auto mark : marks) CHECK(text.find(mark) != std::string_view::npos);
      }
    };
    all_have(language.two, {"{a}", "{b}"});
    all_have(language.three, {"{a}", "{b}", "{c}"});
    all_have(language.left_right, {"{a}", "{b}"});
    all_have(language.above_below, {"{a}", "{b}"});
    all_have({language.counts.begin(), language.counts.end()}, {"{a}"});
    all_have(language.background, {"{a}", "{color}"});
    all_have({language.keyword}, {"{a}", "{b}"});
    for (const auto color : language.colors) CHECK(!color.empty());
  }
}

TEST_CASE("a region has its language's sentences, and a language without sentences lists names") {
  CHECK(demo::language_of("en_GB").locale == "en");
  CHECK(demo::language_of("pt-PT").locale.empty());
  CHECK(demo::fill(demo::language_of("it").two.at(0), {.a = "gatto", .b = "pizza"}) == "gatto, pizza");
  CHECK(demo::fill(demo::language_of("zh").two.at(0), {.a = "猫", .b = "披萨"}) == "猫和披萨");
}
