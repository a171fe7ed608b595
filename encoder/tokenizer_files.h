// Reading a tokenizer's files within limits. Private to encoder/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "encoder/byte_pair_encoding.h"

namespace clipdex::encoder {

inline constexpr std::size_t kVocabularyMax = std::size_t{1} << 20;  // tokens; CLIP's vocabularies have 49,408
inline constexpr std::size_t kTokenBytesMax = 1024;                  // of one token as it is written

// Throws std::runtime_error that names the file.
[[noreturn]] void fail_tokenizer(const std::filesystem::path& file, const std::string& what);

// A plain or gzip file, at most 64 MiB of it unpacked. A directory or a pipe is refused.
std::string read_tokenizer_text(const std::filesystem::path& file);

// At most 16 levels deep and 4 million values.
nlohmann::json read_tokenizer_json_text(const std::filesystem::path& file);

// "left right" a line, behind a line with the version. At most `limit` of them.
Merges read_merges(const std::filesystem::path& file, std::size_t limit);

// An object of tokens and ids, each id once.
Vocabulary read_vocabulary(const std::filesystem::path& file);

// The same of a JSON value; ids may have gaps. The highest is below `ids_max`.
Vocabulary parse_vocabulary(const std::filesystem::path& file, const nlohmann::json& object, std::size_t ids_max);

}  // namespace clipdex::encoder
