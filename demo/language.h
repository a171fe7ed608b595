// How captions are put together in each language.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "demo/colors.h"

namespace clipdex::demo {

// Templates; {a}, {b}, {c} are what the picture shows, {color} a colour's name. Where a list is empty, nothing is said of the matter.
struct Language {
  std::string_view locale;
  std::vector<std::string_view> two, three;
  std::vector<std::string_view> left_right;   // {a} is on the left
  std::vector<std::string_view> above_below;  // {a} is above
  std::array<std::string_view, 3> counts;     // two, three and four of {a}
  std::string_view big, small;
  std::vector<std::string_view> background;  // the last one may follow a whole sentence
  std::array<std::string_view, kColorCount> colors;
  std::string_view keyword;  // {a} is the name, {b} a keyword
};

// The language of a CLDR locale ("en_GB" has that of "en"); one that only lists names if none is written for it.
const Language& language_of(std::string_view locale);

struct Filling {
  std::string a, b, c, color;
};
std::string fill(std::string_view text, const Filling& filling);

}  // namespace clipdex::demo
