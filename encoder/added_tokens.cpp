#include "encoder/added_tokens.h"

#include <algorithm>
#include <utility>

#include "encoder/unicode.h"
#include "encoder/word_pattern.h"

namespace clipdex::encoder {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The last character of [begin, end) of valid UTF-8, which is not empty.
std::string_view last_character(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && is_continuation(text[at])) --at;
  return text.substr(at, end - at);
}

std::string_view first_character(std::string_view text, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < text.size() && is_continuation(text[end])) ++end;
  return text.substr(begin, end - begin);
}

bool is_white_space(std::string_view character) { return clipdex::encoder::is_white_space(decode_utf8(character).front()); }
bool is_word(std::string_view character) { return is_word_character(decode_utf8(character).front()); }

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin == 0 || !is_word(last_character(text, begin))) && (end == text.size() || !is_word(first_character(text, end)));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), [](const auto& left, const auto& right) { return left.content < right.content; });
  for (const auto& token : tokens_) begins_[static_cast<unsigned char>(token.content.front())] = true;
}

// Narrows the sorted tokens down to those that go on as the text does.
const AddedToken* AddedTokens::longest_at(std::string_view text, std::size_t at) const {
  if (!begins_[static_cast<unsigned char>(text[at])]) return nullptr;
  const AddedToken* longest = nullptr;
  auto first = tokens_.begin(), last = tokens_.end();
  for (std::size_t depth = 0; first != last; ++depth) {
    if (first->content.size() == depth && depth > 0) {
      longest = &*first++;
      if (first == last) break;
    }
    if (at + depth == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    first = std::partition_point(first, last, [&](const auto& token) { return static_cast<unsigned char>(token.content[depth]) < byte; });
    last = std::partition_point(first, last, [&](const auto& token) { return static_cast<unsigned char>(token.content[depth]) == byte; });
  }
  return longest;
}

std::vector<TextPiece> AddedTokens::split(std::string_view text) const {
  std::vector<TextPiece> pieces;
  std::size_t done = 0;  // what is before it has its piece
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    const AddedToken* token = longest_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->single_word && !stands_alone(text, begin, end)) continue;
    while (token->lstrip && begin > done && is_white_space(last_character(text, begin))) begin -= last_character(text, begin).size();
    while (token->rstrip && end < text.size() && is_white_space(first_character(text, end))) end += first_character(text, end).size();
    if (begin > done) pieces.push_back({text.substr(done, begin - done), std::nullopt});
    pieces.push_back({text.substr(begin, end - begin), token->id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done), std::nullopt});
  return pieces;
}

}  // namespace clipdex::encoder
