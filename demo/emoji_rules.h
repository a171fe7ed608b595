// Which emoji are left out of the demo's set, and why.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clipdex::demo {

// The rules, compiled once. Safe to use from many threads.
class EmojiRules {
 public:
  EmojiRules();
  ~EmojiRules();
  EmojiRules(const EmojiRules&) = delete;
  EmojiRules& operator=(const EmojiRules&) = delete;

  // The family for which it is left out, such as "clock faces"; empty: it stays.
  // sequence: UTF-8 without variation selectors; name: CLDR's English one, with a keyboard's apostrophe.
  std::string_view left_out(std::string_view sequence, const std::string& name) const;

 private:
  struct Pattern;
  std::vector<Pattern> patterns_;
};

}  // namespace clipdex::demo
