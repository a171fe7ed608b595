#include "encoder/tokenizer_json.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "encoder/tokenizer_files.h"
#include "encoder/unicode.h"

namespace clipdex::encoder {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// An object of the file: readers name what is wrong with a key's path.
class Section {
 public:
  Section(const fs::path& file, const json& object, std::string path) : file_(file), object_(object), path_(std::move(path)) {
    if (!object_.is_object()) fail_tokenizer(file_, (path_.empty() ? "the whole" : "\"" + path_ + "\"") + " is not a JSON object");
  }

  const fs::path& file() const { return file_; }
  std::string path(std::string_view key) const { return path_.empty() ? std::string(key) : path_ + "." + std::string(key); }
  bool has(std::string_view key) const { return object_.contains(key) && !object_[std::string(key)].is_null(); }
  const json& operator[](std::string_view key) const {
    if (!object_.contains(key)) fail_tokenizer(file_, "\"" + path(key) + "\" is missing: it is damaged, or no tokenizer.json");
    return object_[std::string(key)];
  }

  [[noreturn]] void refuse(std::string_view key, const std::string& readable) const {
    constexpr std::size_t kShown = 80;
    std::string value = object_.contains(key) ? object_[std::string(key)].dump(-1, ' ', true, json::error_handler_t::replace) : "missing";
    if (value.size() > kShown) value = value.substr(0, kShown) + "...";
    fail_tokenizer(file_, "\"" + path(key) + "\" is " + value + ", and clipdex reads " + readable +
                              ": use the model's vocab.json with merges.txt, if it is a CLIP model's tokenizer");
  }

  // Refuses keys that are not among these: who knows what they change.
  void allow(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) refuse(key, "no such key");
    }
  }

  std::string type() const { return text("type"); }

  std::string text(std::string_view key) const {
    if (!(*this)[key].is_string()) refuse(key, "a string there");
    return (*this)[key].get<std::string>();
  }

  bool flag(std::string_view key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!(*this)[key].is_boolean()) refuse(key, "true or false there");
    return (*this)[key].get<bool>();
  }

  void require(std::string_view key, bool wanted, bool otherwise) const {
    if (flag(key, otherwise) != wanted) refuse(key, wanted ? "only true there" : "only false there");
  }

  Section section(std::string_view key) const { return {file_, (*this)[key], path(key)}; }

  std::vector<Section> sections(std::string_view key) const {
    const auto& values = (*this)[key];
    if (!values.is_array()) refuse(key, "an array there");
    std::vector<Section> all;
    all.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) all.emplace_back(file_, values[i], path(key) + "[" + std::to_string(i) + "]");
    return all;
  }

 private:
  const fs::path& file_;
  const json& object_;
  std::string path_;
};

void read_normalizer(const Section& section, std::vector<NormalizerStep>& steps) {
  const auto type = section.type();
  if (type == "Sequence") {
    section.allow({"type", "normalizers"});
    for (const auto& part : section.sections("normalizers")) read_normalizer(part, steps);
  } else if (type == "NFC") {
    section.allow({"type"});
    steps.push_back(NormalizerStep::kNfc);
  } else if (type == "Lowercase") {
    section.allow({"type"});
    steps.push_back(NormalizerStep::kLowerCase);
  } else if (type == "Replace") {
    section.allow({"type", "pattern", "content"});
    if (section["pattern"] != json{{"Regex", "\\s+"}}) section.refuse("pattern", R"({"Regex":"\\s+"})");
    if (section["content"] != " ") section.refuse("content", "\" \"");
    steps.push_back(NormalizerStep::kCollapseSpace);
  } else {
    section.refuse("type", "Sequence, NFC, Replace and Lowercase");
  }
  constexpr std::size_t kStepsMax = 16;
  if (steps.size() > kStepsMax) fail_tokenizer(section.file(), "\"normalizer\" has more than " + std::to_string(kStepsMax) + " steps");
}

void read_pre_tokenizer(const Section& section, TokenizerJson& tokenizer) {
  section.allow({"type", "pretokenizers"});
  if (section.type() != "Sequence") section.refuse("type", "a Sequence of Split and ByteLevel");
  const auto parts = section.sections("pretokenizers");
  if (parts.size() != 2) section.refuse("pretokenizers", "two: Split and ByteLevel");
  const auto& split = parts[0];
  split.allow({"type", "pattern", "behavior", "invert"});
  if (split.type() != "Split") split.refuse("type", "Split");
  static const std::string clip_pattern = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
  if (split["pattern"] == json{{"Regex", clip_pattern}}) {
    tokenizer.words = WordPattern::Kind::kClip;
  } else if (split["pattern"] == json{{"Regex", R"(<\|startoftext\|>|<\|endoftext\|>|)" + clip_pattern}}) {
    tokenizer.words = WordPattern::Kind::kClipWithSpecials;
  } else {
    split.refuse("pattern", "CLIP's own pattern");
  }
  if (split.text("behavior") != "Removed") split.refuse("behavior", "\"Removed\"");
  split.require("invert", true, false);
  const auto& bytes = parts[1];
  bytes.allow({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (bytes.type() != "ByteLevel") bytes.refuse("type", "ByteLevel");
  bytes.require("add_prefix_space", false, true);
  tokenizer.split_again = bytes.flag("use_regex", true);
}

Merges parse_merges(const Section& model) {
  const auto& values = model["merges"];
  if (!values.is_array()) model.refuse("merges", "an array there");
  if (values.size() > kVocabularyMax) fail_tokenizer(model.file(), "it has more than " + std::to_string(kVocabularyMax) + " merges");
  Merges merges;
  merges.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& value = values[i];
    if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
      merges.emplace_back(value[0].get<std::string>(), value[1].get<std::string>());
    } else if (value.is_string()) {
      const auto pair = value.get<std::string>();
      if (pair.starts_with("#version")) continue;
      const auto space = pair.find(' ');
      if (space == std::string::npos || pair.find(' ', space + 1) != std::string::npos)
        fail_tokenizer(model.file(), "\"model.merges[" + std::to_string(i) + "]\" is not a pair of symbols");
      merges.emplace_back(pair.substr(0, space), pair.substr(space + 1));
    } else {
      fail_tokenizer(model.file(), "\"model.merges[" + std::to_string(i) + "]\" is not a pair of symbols");
    }
    // What they make is a token of the vocabulary, and these are bounded.
    if (merges.back().first.size() + merges.back().second.size() > kTokenBytesMax)
      fail_tokenizer(model.file(), "\"model.merges[" + std::to_string(i) + "]\" is too long for a pair of symbols");
  }
  return merges;
}

void read_model(const Section& model, TokenizerJson& tokenizer) {
  // Older files do not name the type.
  if (model.has("type") && model.type() != "BPE") model.refuse("type", "BPE");
  model.allow({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
               "ignore_merges", "vocab", "merges"});
  if (model.has("dropout") && model["dropout"] != 0) model.refuse("dropout", "no dropout");
  if (model.has("continuing_subword_prefix") && model["continuing_subword_prefix"] != "")
    model.refuse("continuing_subword_prefix", "an empty one");
  model.require("byte_fallback", false, false);
  model.require("ignore_merges", false, false);
  tokenizer.vocabulary = parse_vocabulary(model.file(), model["vocab"], kVocabularyMax);
  tokenizer.merges = parse_merges(model);
  auto& rules = tokenizer.rules;
  rules.all_occurrences_first = false;
  rules.end_of_word_suffix = model.has("end_of_word_suffix") ? model.text("end_of_word_suffix") : "";
  rules.fuse_unknown = model.flag("fuse_unk", false);
  rules.unknown = BytePairRules::kDropped;
  if (!model.has("unk_token")) return;
  const auto unknown = tokenizer.vocabulary.find(model.text("unk_token"));
  if (unknown == tokenizer.vocabulary.end()) model.refuse("unk_token", "a token of the vocabulary there");
  rules.unknown = unknown->second;
}

bool is_blank_at_an_end(const std::string& text) {
  const auto codepoints = decode_utf8(text);
  return codepoints.empty() || is_white_space(codepoints.front()) || is_white_space(codepoints.back());
}

void read_added_tokens(const Section& top, TokenizerJson& tokenizer) {
  if (!top.has("added_tokens")) return;
  const auto parts = top.sections("added_tokens");
  constexpr std::size_t kTokensMax = 10'000, kBytesMax = 256;
  if (parts.size() > kTokensMax) fail_tokenizer(top.file(), "\"added_tokens\" has more than " + std::to_string(kTokensMax) + " tokens");
  Vocabulary added;  // those that the vocabulary does not have
  std::size_t next = tokenizer.vocabulary.size();
  for (const auto& part : parts) {
    part.allow({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
    AddedToken token{.content = part.text("content")};
    const auto known = tokenizer.vocabulary.find(token.content);
    // As `tokenizers` numbers them, whatever the file says; so it has to say the same.
    const std::size_t id = known != tokenizer.vocabulary.end() ? static_cast<std::size_t>(known->second) : next;
    if (part["id"] != id) part.refuse("id", std::to_string(id) + " there, the id that the vocabulary gives to " + part["content"].dump());
    if (token.content.size() > kBytesMax || is_blank_at_an_end(token.content))
      part.refuse("content", "tokens of 1 to " + std::to_string(kBytesMax) + " bytes without white space at the ends");
    if (known == tokenizer.vocabulary.end()) ++next;
    token.id = static_cast<std::int32_t>(id);
    if (!added.emplace(token.content, token.id).second) part.refuse("content", "each token once");
    token.single_word = part.flag("single_word", false);
    token.lstrip = part.flag("lstrip", false);
    token.rstrip = part.flag("rstrip", false);
    token.normalized = part.flag("normalized", !part.flag("special", false));
    tokenizer.added_tokens.push_back(std::move(token));
  }
  tokenizer.vocabulary.merge(added);
}

// ["<|endoftext|>", 49407]
std::int32_t token_of_pair(const Section& section, std::string_view key, const Vocabulary& vocabulary) {
  const auto& pair = section[key];
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) section.refuse(key, "a token and its id there");
  const auto found = vocabulary.find(pair[0].get<std::string>());
  if (found == vocabulary.end() || pair[1] != found->second) section.refuse(key, "a token of the vocabulary and its id there");
  return found->second;
}

std::int32_t token_of_template(const Section& section, const Section& piece, const Vocabulary& vocabulary) {
  piece.allow({"SpecialToken"});
  const auto name = piece.section("SpecialToken").text("id");
  const auto token = section.section("special_tokens").section(name);
  const auto found = vocabulary.find(name);
  if (found == vocabulary.end() || token["ids"] != json{found->second}) token.refuse("ids", "one token of the vocabulary there");
  return found->second;
}

void read_post_processor(const Section& section, TokenizerJson& tokenizer) {
  const auto type = section.type();
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    section.allow({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});  // the last two concern offsets, not ids
    tokenizer.start = token_of_pair(section, "cls", tokenizer.vocabulary);
    tokenizer.end = token_of_pair(section, "sep", tokenizer.vocabulary);
  } else if (type == "TemplateProcessing") {
    section.allow({"type", "single", "pair", "special_tokens"});
    const auto pieces = section.sections("single");
    if (pieces.size() != 3) section.refuse("single", "a start token, the text and an end token");
    pieces[1].allow({"Sequence"});
    if (pieces[1].section("Sequence").text("id") != "A") section.refuse("single", "a start token, the text and an end token");
    tokenizer.start = token_of_template(section, pieces[0], tokenizer.vocabulary);
    tokenizer.end = token_of_template(section, pieces[2], tokenizer.vocabulary);
  } else {
    section.refuse("type", "RobertaProcessing, BertProcessing and TemplateProcessing, which add a start and an end token");
  }
}

}  // namespace

TokenizerJson read_tokenizer_json(const fs::path& file) {
  const json parsed = read_tokenizer_json_text(file);
  const Section top(file, parsed, "");
  top.allow({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"});
  if (top.has("version") && top["version"] != "1.0") top.refuse("version", "\"1.0\"");
  TokenizerJson tokenizer;
  read_model(top.section("model"), tokenizer);
  read_added_tokens(top, tokenizer);
  if (top.has("normalizer")) read_normalizer(top.section("normalizer"), tokenizer.normalizer);
  read_pre_tokenizer(top.section("pre_tokenizer"), tokenizer);
  read_post_processor(top.section("post_processor"), tokenizer);
  return tokenizer;
}

}  // namespace clipdex::encoder
