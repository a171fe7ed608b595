// tokenizer.json: the ids of Hugging Face's fast tokenizers, and every setting honoured or refused by its name.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "encoder/byte_pair_encoding.h"
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_files.h"
#include "tests/gallery.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::encoder::TextCleaning;
using clipdex::encoder::Tokenizer;
using clipdex::tests::TemporaryDirectory;
using nlohmann::json;
using Ids = std::vector<std::int32_t>;

const fs::path kData = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data";
const std::string kPattern = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
const std::string kPatternWithSpecials = R"(<\|startoftext\|>|<\|endoftext\|>|)" + kPattern;

json added(const std::string& content, int id, json settings = json::object()) {
  json token = {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  token.update(settings);
  return token;
}

// The file around a vocabulary and its merges, as openai/clip-vit-base-patch32 has it.
json tokenizer_file(json vocabulary, json merges) {
  const int start = vocabulary.at("<|startoftext|>"), end = vocabulary.at("<|endoftext|>");
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", {added("<|startoftext|>", start, {{"normalized", true}}), added("<|endoftext|>", end)}},
          {"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "NFC"}}, {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}}, {{"type", "Lowercase"}}}}}},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"}, {"pattern", {{"Regex", kPattern}}}, {"behavior", "Removed"}, {"invert", true}},
              {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}}}}},
          {"post_processor",
           {{"type", "RobertaProcessing"},
            {"sep", json::array({"<|endoftext|>", end})},
            {"cls", json::array({"<|startoftext|>", start})},
            {"trim_offsets", false},
            {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", "<|endoftext|>"},
            {"continuing_subword_prefix", ""},
            {"end_of_word_suffix", "</w>"},
            {"fuse_unk", false},
            {"vocab", std::move(vocabulary)},
            {"merges", std::move(merges)}}}};
}

// OpenAI's 49,408 tokens and their merges.
const json& openai_file() {
  static const json file = [] {
    const auto merges = clipdex::encoder::read_merges(kData / "bpe_simple_vocab_16e6.txt.gz", 48894);
    json vocabulary = json::object(), pairs = json::array();
    const auto add = [&](const std::string& token) { vocabulary[token] = vocabulary.size(); };
    for (const auto* suffix : {"", "</w>"}) {
      for (const auto byte : clipdex::encoder::byte_order()) add(clipdex::encoder::byte_symbol(byte) + suffix);
    }
    for (const auto& [left, right] : merges) {
      add(left + right);
      pairs.push_back(left + " " + right);
    }
    add("<|startoftext|>");
    add("<|endoftext|>");
    return tokenizer_file(vocabulary, pairs);
  }();
  return file;
}

// The bytes, and a few tokens: quick to load.
json small_file() {
  json vocabulary = json::object();
  const auto add = [&](const std::string& token) { vocabulary[token] = vocabulary.size(); };
  for (const auto* suffix : {"", "</w>"}) {
    for (const auto byte : clipdex::encoder::byte_order()) add(clipdex::encoder::byte_symbol(byte) + suffix);
  }
  for (const auto* token : {"ca", "cat</w>", "qz", "jqz", "jqzj", "<|startoftext|>", "<|endoftext|>"}) add(token);
  return tokenizer_file(vocabulary, json::parse(R"([["c", "a"], ["ca", "t</w>"], ["q", "z"], ["jqz", "j"], ["j", "qz"]])"));
}

int id_of(const json& file, const std::string& token) { return file["model"]["vocab"].at(token); }

Tokenizer open(const json& file) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "tokenizer.json") << file.dump();
  return Tokenizer::open(directory.path());
}

// Between start and end token.
Ids inner(const Tokenizer& tokenizer, const std::string& text) {
  auto ids = tokenizer.encode(text);
  REQUIRE(ids.size() >= 2);
  CHECK(ids.front() == tokenizer.start_token());
  CHECK(ids.back() == tokenizer.end_token());
  return {ids.begin() + 1, ids.end() - 1};
}

}  // namespace

TEST_CASE("every reference text has the fast tokenizer's ids, whichever way the merges are written") {
  std::ifstream stream(kData / "clip_token_vectors.json");
  const auto rows = json::parse(stream)["rows"];
  REQUIRE(rows.size() > 50);
  json file = openai_file();
  for (const bool pairs : {false, true}) {
    if (pairs) {
      for (auto& merge : file["model"]["merges"]) {
        const auto text = merge.get<std::string>();
        merge = json::array({text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)});
      }
    }
    const auto tokenizer = open(file);
    CHECK(tokenizer.vocabulary_size() == 49408);
    CHECK(tokenizer.cleaning() == TextCleaning::kTokenizerJson);
    std::size_t unlike_openai = 0;
    for (const auto& row : rows) {
      INFO(row["text"].get<std::string>());
      CHECK(tokenizer.encode(row["text"].get<std::string>()) == row["hf_fast"].get<Ids>());
      unlike_openai += row["hf_fast"] == row["openai"] ? 0 : 1;
    }
    CHECK(unlike_openai > 5);
  }
}

TEST_CASE("special tokens are found in the text, each before or after normalisation as the file says") {
  // Ids from tokenizers 0.23.3 with the same file.
  CHECK(inner(open(openai_file()), "a cat!! <|ENDOFTEXT|> <|STARTOFTEXT|><|endoftext|>") ==
        Ids{320, 2368, 748, 27, 347, 40786, 4160, 91, 285, 49406, 49407});
  json with_mark = openai_file();
  with_mark["added_tokens"].push_back(added("!", 0, {{"normalized", true}}));
  with_mark["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = false;
  CHECK(inner(open(with_mark), "a cat!! x") == Ids{320, 2368, 0, 0, 343});
  // A special token that is found as a word only is no special token; with ByteLevel's own pattern it is even three words.
  with_mark["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = kPatternWithSpecials;
  CHECK(inner(open(with_mark), "<|ENDOFTEXT|>") == Ids{27, 91, 40786, 18169, 91, 285});
  with_mark["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true;
  CHECK(inner(open(with_mark), "<|ENDOFTEXT|>") == Ids{27, 347, 40786, 4160, 91, 285});
}

TEST_CASE("added tokens take white space in, stand alone as words, and get new ids as the file says") {
  json file = small_file();
  const int size = static_cast<int>(file["model"]["vocab"].size());
  file["added_tokens"].push_back(added("<mask>", size, {{"lstrip", true}, {"rstrip", true}}));
  file["added_tokens"].push_back(added("Cat", size + 1, {{"single_word", true}, {"normalized", true}, {"special", false}}));
  file["added_tokens"].push_back(added("Cats", size + 2));
  const auto tokenizer = open(file);
  CHECK(tokenizer.vocabulary_size() == static_cast<std::size_t>(size) + 3);
  const int x = id_of(file, "x</w>");
  CHECK(inner(tokenizer, "x  <mask>\n x") == Ids{x, size, x});
  CHECK(inner(tokenizer, "x <mask> <mask> x") == Ids{x, size, size, x});
  CHECK(inner(tokenizer, "CAT") == Ids{size + 1});
  CHECK(inner(tokenizer, "x.cat.x") == Ids{x, id_of(file, ".</w>"), size + 1, id_of(file, ".</w>"), x});
  CHECK(inner(tokenizer, "xcat") == Ids{id_of(file, "x"), id_of(file, "cat</w>")});
  CHECK(inner(tokenizer, "CatsCat") == Ids{size + 2, size + 1});
}

TEST_CASE("merges go one at a time, the strongest and leftmost first") {
  // tokenizers 0.23.3; OpenAI's order makes "jqz" twice of this (tokenizer_test.cpp).
  const json file = small_file();
  CHECK(inner(open(file), "jqzjqzx") == Ids{id_of(file, "jqzj"), id_of(file, "qz"), id_of(file, "x</w>")});
}

TEST_CASE("a byte that the vocabulary lacks becomes the unknown token, fused or not, or nothing") {
  json file = small_file();
  file["model"]["vocab"].erase("q");
  file["model"]["vocab"].erase("qz");
  file["model"]["merges"] = json::array({json::array({"c", "a"})});
  const int x = id_of(file, "x</w>"), end = id_of(file, "<|endoftext|>");
  CHECK(inner(open(file), "qqx") == Ids{end, end, x});
  file["model"]["fuse_unk"] = true;
  CHECK(inner(open(file), "qqx qx") == Ids{end, x, end, x});
  file["model"]["unk_token"] = nullptr;
  CHECK(inner(open(file), "qqx") == Ids{x});
}

TEST_CASE("a file without a suffix, without normaliser or with a template is read as it is") {
  json file = small_file();
  file["normalizer"] = nullptr;
  file["model"]["end_of_word_suffix"] = nullptr;
  const json start = {{"SpecialToken", {{"id", "<|startoftext|>"}, {"type_id", 0}}}};
  const json end = {{"SpecialToken", {{"id", "<|endoftext|>"}, {"type_id", 0}}}};
  const auto entry = [&](const char* token) {
    return json{{"id", token}, {"ids", json::array({id_of(file, token)})}, {"tokens", json::array({token})}};
  };
  file["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", {start, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, end}},
                            {"pair", json::array()},
                            {"special_tokens", {{"<|startoftext|>", entry("<|startoftext|>")}, {"<|endoftext|>", entry("<|endoftext|>")}}}};
  CHECK(inner(open(file), "Xx ca") == Ids{id_of(file, "X"), id_of(file, "x"), id_of(file, "ca")});
  file["normalizer"] = {{"type", "Lowercase"}};
  CHECK(inner(open(file), "Xx") == Ids{id_of(file, "x"), id_of(file, "x")});
}

TEST_CASE("a text over the context is cut and ends with the end token, and any bytes are accepted") {
  const auto tokenizer = open(small_file());
  const auto whole = tokenizer.encode("cat dog cat");
  const auto cut = tokenizer.encode("cat dog cat", 4);
  REQUIRE(cut.size() == 4);
  CHECK(std::equal(cut.begin(), cut.end() - 1, whole.begin()));
  CHECK(cut.back() == tokenizer.end_token());
  CHECK(tokenizer.encode("a\xFF") == tokenizer.encode("a\uFFFD"));
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(random() % 200, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    for (const auto id : tokenizer.encode(bytes)) CHECK((id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size()));
  }
}

TEST_CASE("vocab.json with merges.txt comes before tokenizer.json, which is read alone or by its name") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "tokenizer.json") << small_file().dump();
  CHECK(Tokenizer::has_files(directory.path()));
  CHECK(Tokenizer::source_files(directory.path()) == std::vector<fs::path>{directory.path() / "tokenizer.json"});
  CHECK(Tokenizer::open(directory.path()).cleaning() == TextCleaning::kTokenizerJson);
  for (const auto* name : {"vocab.json", "merges.txt"}) fs::copy_file(clipdex::tests::kModel / name, directory.path() / name);
  CHECK(Tokenizer::open(directory.path()).cleaning() == TextCleaning::kOpenAi);
  CHECK(Tokenizer::source_files(directory.path()).size() == 2);
  CHECK(Tokenizer::open(directory.path() / "tokenizer.json").cleaning() == TextCleaning::kTokenizerJson);
}

TEST_CASE("what a tokenizer.json says and clipdex does not do is refused with its key and a remedy") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "tokenizer.json";
  const auto refused = [&](const std::string& key, const std::function<void(json&)>& change) {
    json file = small_file();
    change(file);
    std::ofstream(path) << file.dump();
    INFO(key);
    CHECK_THROWS_MATCHES(Tokenizer::open(path), std::runtime_error,
                         MessageMatches(ContainsSubstring("tokenizer.json") && ContainsSubstring(key)));
  };
  refused("use the model's vocab.json with merges.txt", [](json& file) { file["model"]["type"] = "WordPiece"; });
  refused("\"version\"", [](json& file) { file["version"] = "2.0"; });
  refused("\"colour\"", [](json& file) { file["colour"] = 1; });
  refused("\"model.dropout\"", [](json& file) { file["model"]["dropout"] = 0.1; });
  refused("\"model.continuing_subword_prefix\"", [](json& file) { file["model"]["continuing_subword_prefix"] = "##"; });
  refused("\"model.byte_fallback\"", [](json& file) { file["model"]["byte_fallback"] = true; });
  refused("\"model.ignore_merges\"", [](json& file) { file["model"]["ignore_merges"] = true; });
  refused("\"model.unk_token\"", [](json& file) { file["model"]["unk_token"] = "<unk>"; });
  refused("given twice", [](json& file) { file["model"]["vocab"]["ca"] = 0; });
  refused("has an id that is not", [](json& file) { file["model"]["vocab"]["ca"] = -1; });
  refused("has an id that is not", [](json& file) { file["model"]["vocab"]["ca"] = 1 << 20; });
  refused("do not belong together", [](json& file) { file["model"]["merges"].push_back(json::array({"a", "b"})); });
  refused("\"model.merges[0]\"", [](json& file) { file["model"]["merges"][0] = "a b c"; });
  refused("\"normalizer.normalizers[2].type\" is \"StripAccents\"",
          [](json& file) { file["normalizer"]["normalizers"][2] = {{"type", "StripAccents"}}; });
  refused("\"normalizer.normalizers[1].content\"", [](json& file) { file["normalizer"]["normalizers"][1]["content"] = "_"; });
  refused("\"pre_tokenizer.type\"", [](json& file) { file["pre_tokenizer"] = {{"type", "Whitespace"}}; });
  refused("\"pre_tokenizer.pretokenizers[0].pattern\"",
          [](json& file) { file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\S+"; });
  refused("\"pre_tokenizer.pretokenizers[0].invert\"", [](json& file) { file["pre_tokenizer"]["pretokenizers"][0]["invert"] = false; });
  refused("\"pre_tokenizer.pretokenizers[1].add_prefix_space\"",
          [](json& file) { file["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; });
  refused("\"post_processor.type\"", [](json& file) { file["post_processor"] = {{"type", "ByteLevel"}}; });
  refused("\"post_processor\"", [](json& file) { file["post_processor"] = nullptr; });
  refused("\"post_processor.cls\"", [](json& file) { file["post_processor"]["cls"][1] = 3; });
  refused("\"added_tokens[1].id\"", [](json& file) { file["added_tokens"][1]["id"] = 3; });
  refused("\"added_tokens[2].content\"", [](json& file) { file["added_tokens"].push_back(added(" x", 519)); });
  refused("same once normalised", [](json& file) {
    file["added_tokens"].push_back(added("Q", id_of(file, "Q"), {{"normalized", true}}));
    file["added_tokens"].push_back(added("q", id_of(file, "q"), {{"normalized", true}}));
  });
  refused("nested", [](json& file) {
    for (int i = 0; i < 20; ++i) file["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array({file["normalizer"]})}};
  });
  std::ofstream(path) << "{\"version\": ";
  CHECK_THROWS_MATCHES(Tokenizer::open(path), std::runtime_error, MessageMatches(ContainsSubstring("not valid JSON")));
}

TEST_CASE("a million letters, marks or spaces take a moment with a tokenizer.json too") {
  json file = small_file();
  file["added_tokens"].push_back(added("<mask>", static_cast<int>(file["model"]["vocab"].size()), {{"lstrip", true}, {"rstrip", true}}));
  const auto tokenizer = open(file);
  CHECK(inner(tokenizer, std::string(1'000'000, 'a')).size() == 1'000'000);
  CHECK(inner(tokenizer, std::string(1'000'000, ' ') + "<mask>" + std::string(1'000'000, ' ')).size() == 1);
  CHECK(inner(tokenizer, std::string(1'000'000, '<')).size() == 1'000'000);
}
