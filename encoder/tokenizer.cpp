#include "encoder/tokenizer.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "encoder/added_tokens.h"
#include "encoder/byte_pair_encoding.h"
#include "encoder/openai_vocabulary.h"
#include "encoder/text_cleaning.h"
#include "encoder/tokenizer_files.h"
#include "encoder/tokenizer_json.h"
#include "encoder/unicode.h"
#include "encoder/word_pattern.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOpenAiMerges[] = {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"};

std::int32_t special(const Vocabulary& vocabulary, std::string_view token) {
  const auto found = vocabulary.find(std::string(token));
  if (found == vocabulary.end()) throw std::runtime_error("the vocabulary lacks " + std::string(token));
  return found->second;
}

std::size_t ids_of(const Vocabulary& vocabulary) {
  std::int32_t highest = -1;
  for (const auto& [token, id] : vocabulary) highest = std::max(highest, id);
  return static_cast<std::size_t>(std::int64_t{highest} + 1);
}

std::string normalize(std::string_view text, const std::vector<NormalizerStep>& steps) {
  std::string normalized(text);
  for (const auto step : steps) {
    switch (step) {
      case NormalizerStep::kNfc:
        normalized = normalize_nfc(normalized);
        break;
      case NormalizerStep::kCollapseSpace:
        normalized = encode_utf8(collapse_white_space(decode_utf8(normalized)));
        break;
      case NormalizerStep::kLowerCase:
        normalized = encode_utf8(lower_case_each(decode_utf8(normalized)));
        break;
    }
  }
  return normalized;
}

// Those that are looked for in the text as it is, or in the normalised one as what they become there.
AddedTokens select(const TokenizerJson& file, bool normalized) {
  std::vector<AddedToken> tokens;
  for (auto token : file.added_tokens) {
    if (token.normalized != normalized) continue;
    if (normalized) token.content = normalize(token.content, file.normalizer);
    tokens.push_back(std::move(token));
  }
  return AddedTokens(std::move(tokens));
}

}  // namespace

struct Tokenizer::Impl {
  // Texts are cleaned and split as OpenAI does.
  Impl(const Vocabulary& vocabulary, const Merges& merges)
      : encoding(vocabulary, merges),
        size(ids_of(vocabulary)),
        start(special(vocabulary, kStartOfText)),
        end(special(vocabulary, kEndOfText)),
        pattern(WordPattern::Kind::kOpenAi) {}

  // As the file says.
  explicit Impl(const TokenizerJson& file)
      : encoding(file.vocabulary, file.merges, file.rules),
        size(ids_of(file.vocabulary)),
        start(file.start),
        end(file.end),
        pattern(file.words),
        cleaning(TextCleaning::kTokenizerJson),
        normalizer(file.normalizer),
        split_again(file.split_again),
        raw_tokens(select(file, /*normalized=*/false)),
        normalized_tokens(select(file, /*normalized=*/true)) {}

  static bool is_full(const std::vector<std::int32_t>& ids, std::size_t limit) { return limit > 0 && ids.size() >= limit; }

  // These append a text's ids. What lies beyond `limit` of them (0: none) cannot change the result and may be left out.
  void encode_openai(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const {
    const std::string cleaned = clean_text(text);
    WordPattern::Words words(pattern, cleaned);
    for (auto word = words.next(); !word.empty() && !is_full(ids, limit); word = words.next()) {
      if (word == kStartOfText) {
        ids.push_back(start);
      } else if (word == kEndOfText) {
        ids.push_back(end);
      } else {
        encoding.encode_word(word, ids);
      }
    }
  }

  void encode_as_file_says(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const {
    const std::string valid = encode_utf8(decode_utf8(text));
    for (const auto& piece : raw_tokens.split(valid)) {
      if (is_full(ids, limit)) return;
      if (piece.id) {
        ids.push_back(*piece.id);
        continue;
      }
      const std::string normalized = normalize(piece.text, normalizer);
      for (const auto& part : normalized_tokens.split(normalized)) {
        if (is_full(ids, limit)) return;
        if (part.id) {
          ids.push_back(*part.id);
        } else {
          encode_words(part.text, limit, ids);
        }
      }
    }
  }

  void encode_words(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const {
    WordPattern::Words words(pattern, text);
    for (auto word = words.next(); !word.empty() && !is_full(ids, limit); word = words.next()) {
      constexpr std::size_t kBracket = 2;  // "<|" and "|>"
      if (split_again && (word == kStartOfText || word == kEndOfText)) {
        encoding.encode_word(word.substr(0, kBracket), ids);
        encoding.encode_word(word.substr(kBracket, word.size() - 2 * kBracket), ids);
        encoding.encode_word(word.substr(word.size() - kBracket), ids);
      } else {
        encoding.encode_word(word, ids);
      }
    }
  }

  BytePairEncoding encoding;
  std::size_t size;
  std::int32_t start, end;
  WordPattern pattern;
  TextCleaning cleaning = TextCleaning::kOpenAi;
  // The rest is tokenizer.json's.
  std::vector<NormalizerStep> normalizer;
  bool split_again = false;
  AddedTokens raw_tokens{{}}, normalized_tokens{{}};
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
    fail_tokenizer(vocab_json,
                   std::string(error.what()) + ": vocab.json and merges.txt do not belong together, or it is no byte-level BPE");
  }
}

Tokenizer Tokenizer::from_merges(const fs::path& file) {
  const auto [merges, vocabulary] = read_openai_vocabulary(file);
  try {
    return Tokenizer(std::make_unique<Impl>(vocabulary, merges));
  } catch (const std::runtime_error& error) {
    fail_tokenizer(file, error.what());
  }
}

Tokenizer Tokenizer::from_tokenizer_json(const fs::path& file) {
  const auto read = read_tokenizer_json(file);
  std::vector<std::string> normalized;
  for (const auto& token : read.added_tokens) {
    if (token.normalized) normalized.push_back(normalize(token.content, read.normalizer));
  }
  std::sort(normalized.begin(), normalized.end());
  if (std::adjacent_find(normalized.begin(), normalized.end()) != normalized.end())
    fail_tokenizer(file, "\"added_tokens\" has two tokens that are the same once normalised: use vocab.json with merges.txt");
  try {
    return Tokenizer(std::make_unique<Impl>(read));
  } catch (const std::runtime_error& error) {
    fail_tokenizer(file, std::string(error.what()) + ": \"model.vocab\" and \"model.merges\" do not belong together");
  }
}

std::vector<fs::path> Tokenizer::source_files(const fs::path& directory) {
  if (fs::is_regular_file(directory / "vocab.json") && fs::is_regular_file(directory / "merges.txt"))
    return {directory / "vocab.json", directory / "merges.txt"};
  for (const auto* name : {kOpenAiMerges[0], kOpenAiMerges[1], "tokenizer.json"}) {
    if (fs::is_regular_file(directory / name)) return {directory / name};
  }
  return {};
}

bool Tokenizer::has_files(const fs::path& directory) { return !source_files(directory).empty(); }

Tokenizer Tokenizer::open(const fs::path& path) {
  auto files = fs::is_directory(path) ? source_files(path) : std::vector<fs::path>{path};
  if (files.empty()) {
    throw std::runtime_error("no tokenizer in " + path.string() +
                             ": vocab.json with merges.txt, bpe_simple_vocab_16e6.txt.gz, or tokenizer.json is what clipdex reads");
  }
  if (files.size() == 2) return from_vocabulary(files[0], files[1]);
  return files[0].extension() == ".json" ? from_tokenizer_json(files[0]) : from_merges(files[0]);
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, std::size_t context_length) const {
  std::vector<std::int32_t> ids = {impl_->start};
  if (impl_->cleaning == TextCleaning::kOpenAi) {
    impl_->encode_openai(text, context_length, ids);
  } else {
    impl_->encode_as_file_says(text, context_length, ids);
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
TextCleaning Tokenizer::cleaning() const { return impl_->cleaning; }

}  // namespace clipdex::encoder
