// The little English grammar that captions need.
#pragma once

#include <string>

namespace clipdex::demo {

// Whether there can be one of it or two: not of "bread", "glasses" and "Santa Claus".
bool is_countable(const std::string& name);

// "a red apple", "an onion"; what is not countable stays as it is.
std::string with_article(const std::string& name);

// "red apples", "faces with tears of joy", "people running".
std::string plural(const std::string& name);

}  // namespace clipdex::demo
