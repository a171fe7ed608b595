#include "encoder/tokenizer_files.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include "encoder/json_file.h"

namespace clipdex::encoder {

namespace fs = std::filesystem;

void fail_tokenizer(const fs::path& file, const std::string& what) {
  throw std::runtime_error("cannot read the tokenizer's " + file.string() + ": " + what);
}

std::string read_tokenizer_text(const fs::path& file) {
  constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;
  std::error_code error_code;
  const auto status = fs::status(file, error_code);
  // Opening a pipe would wait for its other end.
  if (fs::exists(status) && !fs::is_regular_file(status)) fail_tokenizer(file, "it is not a regular file");
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> stream(::gzopen(file.c_str(), "rb"), ::gzclose);
  if (!stream) fail_tokenizer(file, "no such file, or no permission");
  std::string text;
  std::string chunk(std::size_t{1} << 16, '\0');
  while (true) {
    const int size = ::gzread(stream.get(), chunk.data(), static_cast<unsigned>(chunk.size()));
    if (size < 0) fail_tokenizer(file, "it is damaged");
    if (size == 0) break;
    text.append(chunk, 0, static_cast<std::size_t>(size));
    if (text.size() > kFileBytesMax) fail_tokenizer(file, "it is over " + std::to_string(kFileBytesMax >> 20) + " MiB");
  }
  int error = 0;
  ::gzerror(stream.get(), &error);
  if (error != Z_OK && error != Z_STREAM_END) fail_tokenizer(file, "it is truncated");
  return text;
}

nlohmann::json read_tokenizer_json_text(const fs::path& file) {
  constexpr std::size_t kValuesMax = 4'000'000;
  const std::string text = read_tokenizer_text(file);
  try {
    return parse_json(text, {.bytes = text.size(), .values = kValuesMax});
  } catch (const std::runtime_error& error) {
    fail_tokenizer(file, error.what());
  }
}

Merges read_merges(const fs::path& file, std::size_t limit) {
  const std::string text = read_tokenizer_text(file);
  Merges merges;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size() && merges.size() < limit;) {
    const std::size_t newline = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, newline - at);
    at = newline + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    // The first line names the version ("#version: 0.2", or a quoted comment in OpenAI's own file).
    const bool header = number == 1 && (line.starts_with("#version") || line.find(' ') == std::string_view::npos ||
                                        line.find("version") != std::string_view::npos);
    if (line.empty() || header) continue;
    const std::size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == line.size() || line.find(' ', space + 1) != std::string_view::npos) {
      fail_tokenizer(file, "line " + std::to_string(number) + " is not a pair of symbols");
    }
    if (line.size() > kTokenBytesMax) fail_tokenizer(file, "line " + std::to_string(number) + " is too long for a pair of symbols");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

Vocabulary parse_vocabulary(const fs::path& file, const nlohmann::json& object, std::size_t ids_max) {
  if (!object.is_object()) fail_tokenizer(file, "it is not a JSON object of tokens and ids");
  if (object.size() > kVocabularyMax) fail_tokenizer(file, "it has more than " + std::to_string(kVocabularyMax) + " tokens");
  Vocabulary vocabulary;
  vocabulary.reserve(object.size());
  std::vector<bool> taken(ids_max);
  for (const auto& [token, id] : object.items()) {
    if (token.size() > kTokenBytesMax)
      fail_tokenizer(file,
                     "a token has " + std::to_string(token.size()) + " bytes, and " + std::to_string(kTokenBytesMax) + " are the limit");
    if (!id.is_number_unsigned() || id >= ids_max)
      fail_tokenizer(file, "token \"" + token + "\" has an id that is not 0 to " + std::to_string(ids_max - 1));
    const auto number = id.get<std::size_t>();
    if (taken[number]) fail_tokenizer(file, "the id " + std::to_string(number) + " is given twice");
    taken[number] = true;
    vocabulary.emplace(token, static_cast<std::int32_t>(number));
  }
  return vocabulary;
}

Vocabulary read_vocabulary(const fs::path& file) {
  const auto parsed = read_tokenizer_json_text(file);
  return parse_vocabulary(file, parsed, parsed.size());
}

}  // namespace clipdex::encoder
