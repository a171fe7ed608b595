#include "encoder/tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <zlib.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

#include "encoder/byte_pair_encoding.h"
#include "encoder/text_cleaning.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;
using Vocabulary = std::unordered_map<std::string, std::int32_t>;
using Merges = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kStart = "<|startoftext|>";
constexpr std::string_view kEnd = "<|endoftext|>";
constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;
constexpr const char* kOpenAiMerges[] = {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"};

[[noreturn]] void fail(const fs::path& file, const std::string& what) {
  throw std::runtime_error("cannot read the tokenizer's " + file.string() + ": " + what);
}

// A plain or gzip file, at most kFileBytesMax of it unpacked.
std::string read_text(const fs::path& file) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> stream(::gzopen(file.c_str(), "rb"), ::gzclose);
  if (!stream) fail(file, "no such file, or no permission");
  std::string text;
  std::string chunk(std::size_t{1} << 16, '\0');
  while (true) {
    const int size = ::gzread(stream.get(), chunk.data(), static_cast<unsigned>(chunk.size()));
    if (size < 0) fail(file, "it is damaged");
    if (size == 0) break;
    text.append(chunk, 0, static_cast<std::size_t>(size));
    if (text.size() > kFileBytesMax) fail(file, "it is over " + std::to_string(kFileBytesMax >> 20) + " MiB");
  }
  int error = 0;
  ::gzerror(stream.get(), &error);
  if (error != Z_OK && error != Z_STREAM_END) fail(file, "it is truncated");
  return text;
}

// "left right" a line, behind a line with the version. At most `limit` of them.
Merges read_merges(const fs::path& file, std::size_t limit) {
  const std::string text = read_text(file);
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
      fail(file, "line " + std::to_string(number) + " is not a pair of symbols");
    }
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

Vocabulary read_vocabulary(const fs::path& file) {
  const auto parsed = nlohmann::json::parse(read_text(file), /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) fail(file, "it is not a JSON object of tokens and ids");
  Vocabulary vocabulary;
  std::vector<bool> taken(parsed.size());
  for (const auto& [token, id] : parsed.items()) {
    if (!id.is_number_unsigned() || id >= parsed.size())
      fail(file, "token \"" + token + "\" has an id that is not 0 to " + std::to_string(parsed.size() - 1));
    const auto number = id.get<std::size_t>();
    if (taken[number]) fail(file, "the id " + std::to_string(number) + " is given twice");
    taken[number] = true;
    vocabulary.emplace(token, static_cast<std::int32_t>(number));
  }
  return vocabulary;
}

struct FreePattern {
  void operator()(pcre2_code* code) const { ::pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { ::pcre2_match_data_free(data); }
};

std::unique_ptr<pcre2_code, FreePattern> compile_pattern() {
  // The cleaned text has no white space but ' '. The last class leaves out two characters on which Python's regex differs from PCRE2: it
  // does not take U+180E for white space, and when it ignores case it counts U+0345 (an iota below) neither as a letter nor as anything
  // else.
  static constexpr std::string_view kPattern =
      R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^ \x{345}\p{L}\p{N}]+)";
  int error = 0;
  std::size_t offset = 0;
  std::unique_ptr<pcre2_code, FreePattern> code(::pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPattern.data()), kPattern.size(),
                                                                PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_NO_UTF_CHECK, &error,
                                                                &offset,
                                                                /*context=*/nullptr));
  if (!code) throw std::runtime_error("the tokenizer's pattern does not compile");
  ::pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without it, matching is slower and right all the same
  return code;
}

}  // namespace

struct Tokenizer::Impl {
  Impl(const Vocabulary& vocabulary, const Merges& merges)
      : encoding(vocabulary, merges),
        size(vocabulary.size()),
        start(special(vocabulary, kStart)),
        end(special(vocabulary, kEnd)),
        pattern(compile_pattern()) {}

  static std::int32_t special(const Vocabulary& vocabulary, std::string_view token) {
    const auto found = vocabulary.find(std::string(token));
    if (found == vocabulary.end()) throw std::runtime_error("the vocabulary lacks " + std::string(token));
    return found->second;
  }

  BytePairEncoding encoding;
  std::size_t size;
  std::int32_t start, end;
  std::unique_ptr<pcre2_code, FreePattern> pattern;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_vocabulary(const fs::path& vocab_json, const fs::path& merges_txt) {
  const auto vocabulary = read_vocabulary(vocab_json);
  const auto merges = read_merges(merges_txt, vocabulary.size());
  try {
    return Tokenizer(std::make_unique<Impl>(vocabulary, merges));
  } catch (const std::runtime_error& error) {
    fail(vocab_json, std::string(error.what()) + ": vocab.json and merges.txt do not belong together, or it is no byte-level BPE");
  }
}

Tokenizer Tokenizer::from_merges(const fs::path& file) {
  constexpr std::size_t kMerges = 49152 - 256 - 2;  // of the 262,144 in OpenAI's file
  const auto merges = read_merges(file, kMerges);
  Vocabulary vocabulary;
  const auto add = [&](const std::string& token) { vocabulary.try_emplace(token, static_cast<std::int32_t>(vocabulary.size())); };
  for (const auto byte : byte_order()) add(byte_symbol(byte));
  for (const auto byte : byte_order()) add(byte_symbol(byte) + "</w>");
  for (const auto& [left, right] : merges) add(left + right);
  add(std::string(kStart));
  add(std::string(kEnd));
  if (vocabulary.size() != 512 + merges.size() + 2) fail(file, "a merge is there twice");
  try {
    return Tokenizer(std::make_unique<Impl>(vocabulary, merges));
  } catch (const std::runtime_error& error) {
    fail(file, error.what());
  }
}

bool Tokenizer::has_files(const fs::path& directory) {
  if (fs::exists(directory / "vocab.json") && fs::exists(directory / "merges.txt")) return true;
  return fs::exists(directory / kOpenAiMerges[0]) || fs::exists(directory / kOpenAiMerges[1]);
}

Tokenizer Tokenizer::open(const fs::path& path) {
  if (!fs::is_directory(path)) return from_merges(path);
  if (fs::exists(path / "vocab.json") && fs::exists(path / "merges.txt")) return from_vocabulary(path / "vocab.json", path / "merges.txt");
  for (const auto* name : kOpenAiMerges) {
    if (fs::exists(path / name)) return from_merges(path / name);
  }
  throw std::runtime_error("no tokenizer in " + path.string() +
                           ": vocab.json with merges.txt, or bpe_simple_vocab_16e6.txt.gz, is what clipdex reads");
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, std::size_t context_length) const {
  const std::string cleaned = clean_text(text);
  std::vector<std::int32_t> ids = {impl_->start};
  const std::unique_ptr<pcre2_match_data, FreeMatch> match(::pcre2_match_data_create_from_pattern(impl_->pattern.get(), nullptr));
  if (!match) throw std::bad_alloc();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(cleaned.data());
  for (std::size_t at = 0; at < cleaned.size();) {
    // What lies beyond the context cannot change the result.
    if (context_length > 0 && ids.size() >= context_length) break;
    const int matched = ::pcre2_match(impl_->pattern.get(), subject, cleaned.size(), at, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (matched == PCRE2_ERROR_NOMATCH) break;
    if (matched < 1) throw std::runtime_error("a text cannot be split into words: PCRE2 reports error " + std::to_string(matched));
    const auto* bounds = ::pcre2_get_ovector_pointer(match.get());
    const std::string_view word(cleaned.data() + bounds[0], bounds[1] - bounds[0]);
    at = bounds[1];
    if (word == kStart) {
      ids.push_back(impl_->start);
    } else if (word == kEnd) {
      ids.push_back(impl_->end);
    } else {
      impl_->encoding.encode_word(word, ids);
    }
  }
  ids.push_back(impl_->end);
  if (context_length > 0 && ids.size() > context_length) {
    ids.resize(context_length);
    ids.back() = impl_->end;
  }
  return ids;
}

std::int32_t Tokenizer::start_token() const { return impl_->start; }
std::int32_t Tokenizer::end_token() const { return impl_->end; }
std::size_t Tokenizer::vocabulary_size() const { return impl_->size; }

}  // namespace clipdex::encoder
