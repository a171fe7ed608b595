// Tokens that are looked for in a text before it is split into words (Hugging Face tokenizers, tokenizer/added_vocabulary.rs).
// Private to encoder/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it in
  bool rstrip = false;       // and behind it
  bool normalized = false;   // its normalised content is looked for, in the normalised text
};

// A stretch of a text: an added token, or text that has none.
struct TextPiece {
  std::string_view text;
  std::optional<std::int32_t> id;
};

// Immutable after construction: any thread may call it.
class AddedTokens {
 public:
  // Contents: valid UTF-8, distinct, not empty, with no white space at the ends.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  // text: valid UTF-8, which outlives the pieces. Of tokens that begin at one place the longest counts. O(bytes of the text x bytes of
  // the longest token).
  std::vector<TextPiece> split(std::string_view text) const;

 private:
  const AddedToken* longest_at(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;  // in order of their contents
  bool begins_[256] = {};           // whether one begins with this byte
};

}  // namespace clipdex::encoder
