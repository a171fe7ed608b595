#include "datasets/brace_range.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace clipdex::datasets {
namespace {

constexpr std::size_t kNamesMax = 100'000;

struct Range {
  std::size_t begin = 0, end = 0;  // of its text, braces included
  std::uint64_t first = 0, last = 0;
  std::size_t digits = 0;  // least
};

std::optional<std::uint64_t> number(std::string_view text) {
  constexpr std::size_t kDigitsMax = 18;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.size() > kDigitsMax || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Range> first_range(std::string_view word, std::size_t from) {
  for (auto open = word.find('{', from); open != std::string_view::npos; open = word.find('{', open + 1)) {
    const auto close = word.find('}', open);
    const auto dots = word.find("..", open);
    if (close == std::string_view::npos) return std::nullopt;
    if (dots == std::string_view::npos || dots > close) continue;
    const auto left = word.substr(open + 1, dots - open - 1);
    const auto first = number(left), last = number(word.substr(dots + 2, close - dots - 2));
    if (!first || !last) continue;
    const bool padded = left.size() > 1 && left.front() == '0';
    return Range{.begin = open, .end = close + 1, .first = *first, .last = *last, .digits = padded ? left.size() : 0};
  }
  return std::nullopt;
}

void expand(const std::string& word, std::size_t from, std::vector<std::string>& names) {
  const auto range = first_range(word, from);
  if (!range) {
    if (names.size() == kNamesMax) throw std::invalid_argument("a range in braces stands for more than 100,000 names");
    names.push_back(word);
    return;
  }
  const bool down = range->last < range->first;
  for (auto value = range->first;; down ? --value : ++value) {
    std::string digits = std::to_string(value);
    digits.insert(0, std::max(range->digits, digits.size()) - digits.size(), '0');
    std::string name = word;
    name.replace(range->begin, range->end - range->begin, digits);
    expand(name, range->begin + digits.size(), names);
    if (value == range->last) break;
  }
}

}  // namespace

std::vector<std::string> expand_brace_ranges(const std::string& word) {
  std::vector<std::string> names;
  expand(word, 0, names);
  return names;
}

}  // namespace clipdex::datasets
