#include "encoder/tokenizer.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using clipdex::encoder::Tokenizer;
using clipdex::tests::TemporaryDirectory;
using Ids = std::vector<std::int32_t>;

const fs::path kData = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data";
const fs::path kModel = fs::path(CLIPDEX_SOURCE_DIR) / "tests/data/emoji-clip";

const Tokenizer& openai_tokenizer() {
  static const auto tokenizer = Tokenizer::open(kData / "bpe_simple_vocab_16e6.txt.gz");
  return tokenizer;
}

}  // namespace

TEST_CASE("every reference text has OpenAI's ids, but for the two that need their mojibake repaired") {
  // ftfy guesses that these were decoded with the wrong encoding; clipdex takes text as it is written.
  const std::set<std::string> mojibake = {"sch\u00C3\u00B6n", "\u00E2\u0153\u201D No problems"};
  std::ifstream stream(kData / "clip_token_vectors.json");
  const auto rows = nlohmann::json::parse(stream)["rows"];
  REQUIRE(rows.size() > 50);
  std::size_t skipped = 0;
  for (const auto& row : rows) {
    const auto text = row["text"].get<std::string>();
    if (mojibake.contains(text)) {
      ++skipped;
      continue;
    }
    INFO(text);
    CHECK(openai_tokenizer().encode(text) == row["openai"].get<Ids>());
  }
  CHECK(skipped == 2);
}

TEST_CASE("the vocabulary that follows from OpenAI's merges has its size and its special ids") {
  CHECK(openai_tokenizer().vocabulary_size() == 49408);
  CHECK(openai_tokenizer().start_token() == 49406);
  CHECK(openai_tokenizer().end_token() == 49407);
}

TEST_CASE("a Hugging Face directory's vocab.json and merges.txt give the ids of the model's card") {
  const auto tokenizer = Tokenizer::open(kModel);
  CHECK(tokenizer.encode("a red apple") == Ids{4094, 320, 734, 3234, 4095});
  CHECK(tokenizer.encode("  A   RED\napple ") == Ids{4094, 320, 734, 3234, 4095});
}

TEST_CASE("a text over the context is cut and ends with the end token") {
  const std::string words = "cat dog cat dog cat dog cat dog";
  const auto whole = openai_tokenizer().encode(words);
  const auto cut = openai_tokenizer().encode(words, 5);
  REQUIRE(cut.size() == 5);
  CHECK(std::equal(cut.begin(), cut.end() - 1, whole.begin()));
  CHECK(cut.back() == 49407);
  CHECK(openai_tokenizer().encode(words, 77) == whole);
}

TEST_CASE("HTML references are unescaped as Python's html.unescape does") {
  const auto& tokenizer = openai_tokenizer();
  CHECK(tokenizer.encode("cats &amp;amp; dogs") == tokenizer.encode("cats & dogs"));
  CHECK(tokenizer.encode("caf&eacute; &#99;&#x61;t &notit;") == tokenizer.encode("café cat \u00ACit;"));
  CHECK(tokenizer.encode("&#128; &#xD800; &unknown;") == tokenizer.encode("€ \uFFFD &unknown;"));
}

TEST_CASE("texts at the edges of ftfy's, Python's and Unicode's rules have OpenAI's ids") {
  // From openai/CLIP's simple_tokenizer.py with ftfy 6.3.1 and regex 2026.5.9; start and end token left out.
  const std::vector<std::pair<std::string, Ids>> rows = {
      {"\u00AA\u03A3", {126, 103, 139, 480}},        // a sigma is final behind an ordinal indicator,
      {"\U0001D400\u03A3", {15889, 222, 139, 480}},  // behind a mathematical capital,
      {"\u00AA\u03A3a", {126, 103, 139, 225, 320}},  // and not before a letter
      {"a\u180E"
       "b",
       {320, 157, 254, 492, 321}},  // no white space
      {"a\u0345"
       "b",
       {320, 321}},          // neither letter nor symbol once case is ignored
      {"&EACUTE;", {4166}},  // ftfy knows names in capitals
      {"&SZLIG;", {632}},
      {"&#148", {728, 507}},  // without semicolon, ftfy leaves it alone and does not straighten the quote
      {"&ampamplt", {261, 3333}},
      {"&amp;lt;\n<&amp;amp;amp;amp;", {283, 27, 261, 6259, 282, 6259, 282}},        // markup stops ftfy from there on
      {"\x1B[\uFF13\uFF11\uFF2D red", {736}},                                        // a terminal escape in wide characters
      {"q\u0315\u0300\u05AE\u0300", {336, 146, 106, 136, 222, 136, 222, 136, 499}},  // marks in canonical order
  };
  for (const auto& [text, inner] : rows) {
    Ids expected = {49406};
    expected.insert(expected.end(), inner.begin(), inner.end());
    expected.push_back(49407);
    INFO(text);
    CHECK(openai_tokenizer().encode(text) == expected);
  }
}

TEST_CASE("all occurrences of a pair are merged before what they make is merged further") {
  const TemporaryDirectory directory;
  std::ifstream stream(kModel / "vocab.json");
  auto vocabulary = nlohmann::json::parse(stream);
  for (const auto* token : {"qz", "jqz", "jqzj"}) {
    REQUIRE_FALSE(vocabulary.contains(token));
    vocabulary[token] = vocabulary.size();
  }
  std::ofstream(directory.path() / "vocab.json") << vocabulary.dump();
  // The second merge is stronger than the third one, which makes its left half.
  std::ofstream(directory.path() / "merges.txt") << "#version: 0.2\nq z\njqz j\nj qz\n";
  const auto ids = Tokenizer::open(directory.path()).encode("jqzjqzx");
  const auto id = [&](const char* token) { return vocabulary[token].get<std::int32_t>(); };
  CHECK(ids == Ids{id("<|startoftext|>"), id("jqz"), id("jqz"), id("x</w>"), id("<|endoftext|>")});
}

TEST_CASE("any bytes are accepted and give ids of the vocabulary") {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 200, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    const auto ids = openai_tokenizer().encode(bytes, 77);
    REQUIRE(ids.size() >= 2);
    REQUIRE(ids.size() <= 77);
    CHECK(ids.front() == 49406);
    CHECK(ids.back() == 49407);
    for (const auto id : ids) CHECK((id >= 0 && id < 49408));
  }
}

TEST_CASE("one word of a million letters is tokenized like a short one") {
  const std::string letters(1'000'000, 'a');
  const auto ids = openai_tokenizer().encode(letters);
  // "aaaa..." merges into equal runs, so that the million is a multiple of what a short run gives but for its end.
  std::size_t most = 0;
  for (const auto id : ids) most = std::max<std::size_t>(most, static_cast<std::size_t>(std::count(ids.begin(), ids.end(), id)));
  CHECK(ids.size() < letters.size());
  CHECK(most + 8 > ids.size());
}

TEST_CASE("a million combining marks are put in order like a few") {
  // Two classes in turn are the worst case of an ordering that only swaps neighbours.
  std::string few = "a", many = "a";
  for (int i = 0; i < 3; ++i) few += "\u0315\u0323";
  for (int i = 0; i < 250'000; ++i) many += "\u0315\u0323";
  const auto expected = openai_tokenizer().encode(few);
  const auto ids = openai_tokenizer().encode(many);
  REQUIRE(ids.size() > 250'000);
  CHECK(std::equal(expected.begin(), expected.begin() + 2, ids.begin()));
  CHECK(ids[ids.size() - 2] == expected[expected.size() - 2]);
}

TEST_CASE("a pipe in a tokenizer's place is refused without waiting for its other end") {
  const TemporaryDirectory directory;
  const auto vocab = directory.path() / "vocab.json", merges = directory.path() / "merges.txt";
  REQUIRE(::mkfifo(vocab.c_str(), 0600) == 0);
  fs::copy_file(kModel / "merges.txt", merges);
  CHECK(!Tokenizer::has_files(directory.path()));
  CHECK_THROWS_MATCHES(Tokenizer::from_vocabulary(vocab, merges), std::runtime_error,
                       MessageMatches(ContainsSubstring("vocab.json: it is not a regular file")));
  CHECK_THROWS_MATCHES(Tokenizer::open(vocab), std::runtime_error, MessageMatches(ContainsSubstring("not a regular file")));
}

TEST_CASE("damaged tokenizer files are refused with their name and the reason") {
  const TemporaryDirectory directory;
  const auto vocab = directory.path() / "vocab.json";
  const auto merges = directory.path() / "merges.txt";
  const auto reset = [&] {
    fs::copy_file(kModel / "vocab.json", vocab, fs::copy_options::overwrite_existing);
    fs::copy_file(kModel / "merges.txt", merges, fs::copy_options::overwrite_existing);
  };
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_MATCHES(Tokenizer::open(directory.path()), std::runtime_error, MessageMatches(ContainsSubstring(message)));
  };
  refused("no tokenizer in");
  reset();
  CHECK(Tokenizer::open(directory.path()).vocabulary_size() == 4096);
  std::ofstream(vocab) << "[]";
  refused("vocab.json");
  reset();
  std::ofstream(vocab) << R"({"a":0,"b":0})";
  refused("given twice");
  reset();
  std::ofstream(vocab) << R"({"a":5})";
  refused("\"a\" has an id");
  reset();
  std::ofstream(merges, std::ios::app) << "three symbols here\n";
  refused("merges.txt");
  reset();
  std::ofstream(merges, std::ios::app) << "\xE6\x97\xA5 \xE6\x9C\xAC\n";
  refused("vocabulary lacks");
  const auto gzip = directory.path() / "bpe.txt.gz";
  fs::copy_file(kData / "bpe_simple_vocab_16e6.txt.gz", gzip);
  fs::resize_file(gzip, 300'000);
  CHECK_THROWS_AS(Tokenizer::open(gzip), std::runtime_error);
  CHECK_THROWS_MATCHES(Tokenizer::open(directory.path() / "none"), std::runtime_error, MessageMatches(ContainsSubstring("none")));
}
