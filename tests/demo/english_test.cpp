#include "demo/english.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace clipdex::demo;

TEST_CASE("plurals are those of what is counted") {
  const std::vector<std::pair<std::string, std::string>> cases = {{"red apple", "red apples"},
                                                                  {"face with tears of joy", "faces with tears of joy"},
                                                                  {"person running", "people running"},
                                                                  {"face blowing a kiss", "faces blowing a kiss"},
                                                                  {"mouse", "mice"},
                                                                  {"strawberry", "strawberries"},
                                                                  {"toy", "toys"},
                                                                  {"hiking boot", "hiking boots"},
                                                                  {"toothbrush", "toothbrushes"},
                                                                  {"box", "boxes"},
                                                                  {"glass of milk", "glasses of milk"},
                                                                  {"fish", "fish"},
                                                                  {"blowfish", "blowfish"},
                                                                  {"maple leaf", "maple leaves"},
                                                                  {"snowman", "snowmen"},
                                                                  {"sheaf of rice", "sheafs of rice"}};
  for (const auto& [one, many] : cases) CHECK(plural(one) == many);
}

TEST_CASE("an article stands before what can be counted, and is the one that is heard") {
  CHECK(with_article("red apple") == "a red apple");
  CHECK(with_article("onion") == "an onion");
  CHECK(with_article("unicorn") == "a unicorn");
  CHECK(with_article("hourglass done") == "an hourglass done");
  CHECK(with_article("bus") == "a bus");
  CHECK(with_article("bread") == "bread");
  CHECK(with_article("glasses") == "glasses");
  CHECK(with_article("Santa Claus") == "Santa Claus");
  CHECK(with_article("fork and knife") == "fork and knife");
}
