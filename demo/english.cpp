#include "demo/english.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace clipdex::demo {
namespace {

// Words that end what is counted without an article: stuffs, games, states. By the last word of what is counted.
constexpr std::array kUncountable = {"bacon",        "badminton",   "baggage",   "bowling", "bread",      "breast-feeding",
                                     "broccoli",     "butter",      "camping",   "candy",   "clothes",    "construction",
                                     "cooking",      "coral",       "corn",      "dango",   "departure",  "arrival",
                                     "dna",          "dizzy",       "dusk",      "fishing", "flatbread",  "fog",
                                     "foggy",        "fondue",      "food",      "fuji",    "garlic",     "golf",
                                     "green",        "ground",      "hand-over", "herb",    "high",       "hockey",
                                     "horizontally", "ice",         "infinity",  "joy",     "laughing",   "liberty",
                                     "links",        "liquid",      "lacrosse",  "locked",  "luggage",    "mate",
                                     "meat",         "milk",        "minus",     "money",   "multiply",   "divide",
                                     "oden",         "plus",        "pong",      "popcorn", "prohibited", "racing",
                                     "radioactive",  "rice",        "sake",      "salt",    "smoking",    "soap",
                                     "spaghetti",    "star-struck", "sun",       "sushi",   "tennis",     "thread",
                                     "traffic",      "unlocked",    "voltage",   "warning", "water",      "weather",
                                     "wood",         "yarn",        "zzz",       "entry",   "surfing",    "wrestling",
                                     "headed",       "cream",       "way",       "arts",    "hugging",    "yang",
                                     "biohazard",    "away",        "tower",     "volume",  "fire",       "cash",
                                     "fencing",      "wireless",    "on",        "salute",  "silhouette", "splatter"};

// Irregular plurals, and names that are the same in both numbers.
constexpr std::array<std::pair<std::string_view, std::string_view>, 29> kIrregular = {{
    {"person", "people"},       {"man", "men"},           {"woman", "women"},       {"child", "children"},      {"mouse", "mice"},
    {"foot", "feet"},           {"tooth", "teeth"},       {"leaf", "leaves"},       {"knife", "knives"},        {"wolf", "wolves"},
    {"elf", "elves"},           {"goose", "geese"},       {"ox", "oxen"},           {"fish", "fish"},           {"deer", "deer"},
    {"moose", "moose"},         {"bison", "bison"},       {"squid", "squid"},       {"shrimp", "shrimp"},       {"potato", "potatoes"},
    {"tomato", "tomatoes"},     {"mango", "mangoes"},     {"volcano", "volcanoes"}, {"policeman", "policemen"}, {"snowman", "snowmen"},
    {"mosquito", "mosquitoes"}, {"tornado", "tornadoes"}, {"dodo", "dodos"},        {"loaf", "loaves"},
}};

std::string_view last_word(std::string_view text) { return text.substr(text.rfind(' ') + 1); }

// What is counted of a name: "face" of "face with tears of joy", "person" of "person running".
std::string_view head_of(std::string_view name) {
  std::size_t end = name.size();
  for (const auto* word :
       {" with ", " of ", " in ", " on ", " at ", " for ", " without ", " over ", " behind ", " holding ", " pointed "}) {
    end = std::min(end, name.find(word));
  }
  for (const std::string_view noun : {"person ", "people ", "man ", "woman ", "face ", "leaf ", "index ", "globe "}) {
    // A participle behind the noun: "running", "blowing a kiss".
    if (!name.starts_with(noun)) continue;
    const auto next = name.substr(noun.size(), name.find(' ', noun.size()) - noun.size());
    if (next.ends_with("ing")) end = std::min(end, noun.size() - 1);
  }
  return name.substr(0, end);
}

bool is_plural(std::string_view word) {
  if (word == "people" || word == "men" || word == "women" || word == "dice" || word == "fries") return true;
  return word.ends_with("s") && !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is") && !word.ends_with("'s") &&
         word != "canvas";
}

std::string plural_of_word(std::string_view word) {
  for (const auto& [one, many] : kIrregular) {
    if (word == one) return std::string(many);
    // "wine-glass", "fireman": compounds of irregular words keep their end.
    if (one.size() > 3 && word.size() > one.size() && word.ends_with(one))
      return std::string(word.substr(0, word.size() - one.size())) + std::string(many);
  }
  const std::string singular(word);
  for (const auto* hissing : {"s", "x", "z", "ch", "sh"}) {
    if (word.ends_with(hissing)) return singular + "es";
  }
  const bool consonant_y =
      word.size() > 1 && word.back() == 'y' && std::string_view("aeiou").find(word[word.size() - 2]) == std::string_view::npos;
  return consonant_y ? singular.substr(0, singular.size() - 1) + "ies" : singular + "s";
}

}  // namespace

bool is_countable(const std::string& name) {
  for (const std::string_view proper : {"Santa", "Mrs.", "Tokyo", "Statue", "ZZZ", "mount ", "performing", "milky", "map of"}) {
    if (name.starts_with(proper)) return false;
  }
  if (name.find(" and ") != std::string::npos) return false;  // "fork and knife": two of what?
  std::string last(last_word(head_of(name)));
  std::transform(last.begin(), last.end(), last.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (is_plural(last)) return false;
  return std::find(kUncountable.begin(), kUncountable.end(), std::string_view(last)) == kUncountable.end();
}

std::string with_article(const std::string& name) {
  if (!is_countable(name)) return name;
  // "unicorn", "one-piece" and "ewe" begin with a consonant to the ear, "hourglass" and "X-ray" with a vowel.
  bool vowel = std::string_view("aeiouAEIO").find(name[0]) != std::string_view::npos;
  for (const auto* heard : {"uni", "one", "ewe", "euro", "use"}) vowel = vowel && !name.starts_with(heard);
  for (const auto* heard : {"hour", "x-ray"}) vowel = vowel || name.starts_with(heard);
  return (vowel ? "an " : "a ") + name;
}

std::string plural(const std::string& name) {
  const std::string_view head = head_of(name), word = last_word(head);
  return std::string(head.substr(0, head.size() - word.size())) + plural_of_word(word) + name.substr(head.size());
}

}  // namespace clipdex::demo
