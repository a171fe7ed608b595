// What OpenAI's tokenizer does to a text before it splits it. Private to encoder/.
#pragma once

#include <string>
#include <string_view>

namespace clipdex::encoder {

// ftfy.fix_text without the repair of mojibake, html.unescape twice, white space collapsed and stripped, lower case
// (openai/CLIP, simple_tokenizer.py, basic_clean and whitespace_clean; ftfy 6.3). Returns valid UTF-8 for any bytes.
std::string clean_text(std::string_view text);

}  // namespace clipdex::encoder
