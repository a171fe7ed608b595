#include "encoder/training/bpe_trainer.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "encoder/tokenizer.h"
#include "tests/temporary_directory.h"

namespace {

namespace training = clipdex::training;
using clipdex::encoder::Tokenizer;
using clipdex::tests::TemporaryDirectory;

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("the most frequent pair is merged first, within words alone") {
  const TemporaryDirectory directory;
  training::BpeTrainer trainer;
  // "lo" 5 times, "w</w>" after it 3 times, "er" and "r</w>" twice.
  for (const auto* text : {"low low low", "lower LOWER"}) trainer.add(text);
  const auto size = trainer.train(517, directory.path() / "t", 77);
  CHECK(size == 517);
  const auto merges = lines_of(directory.path() / "t/merges.txt");
  REQUIRE(merges.size() == 4);
  // Both pairs of "low" are there five times: the one with the older symbols goes first.
  CHECK(merges[1] == "l o");
  CHECK(merges[2] == "lo w</w>");
  CHECK(merges[3] == "e r</w>");
}

TEST_CASE("what was learned is a tokenizer of CLIP's kind") {
  const TemporaryDirectory directory;
  training::BpeTrainer trainer;
  for (int i = 0; i < 3; ++i) trainer.add("A red apple on a table. 红苹果 &amp; 红苹果");
  const auto size = trainer.train(600, directory.path() / "t", 32);
  CHECK(size < 600);  // there was no more to merge
  const auto tokenizer = Tokenizer::open(directory.path() / "t");
  CHECK(tokenizer.vocabulary_size() == size);
  CHECK(tokenizer.start_token() == static_cast<std::int32_t>(size) - 2);
  CHECK(tokenizer.end_token() == static_cast<std::int32_t>(size) - 1);
  // Each word that was there three times is one token; what was never there falls into its bytes.
  CHECK(tokenizer.encode("red APPLE 红苹果").size() == 2 + 3);
  CHECK(tokenizer.encode("xyz").size() == 2 + 3);
  const auto config = nlohmann::json::parse(bytes_of(directory.path() / "t/tokenizer_config.json"));
  CHECK(config.at("tokenizer_class") == "CLIPTokenizer");
  CHECK(config.at("model_max_length") == 32);
}

TEST_CASE("the order of the texts does not matter, and neither does the hash table's") {
  const TemporaryDirectory directory;
  training::BpeTrainer one, other;
  const std::vector<std::string> texts = {"a cat and a hat", "the cat sat on the mat", "a hat on a cat", "no cats"};
  for (const auto& text : texts) one.add(text);
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) other.add(*text);
  one.train(560, directory.path() / "one", 77);
  other.train(560, directory.path() / "other", 77);
  CHECK(bytes_of(directory.path() / "one/merges.txt") == bytes_of(directory.path() / "other/merges.txt"));
  CHECK(bytes_of(directory.path() / "one/vocab.json") == bytes_of(directory.path() / "other/vocab.json"));
}

TEST_CASE("two ways to the same token make one token") {
  const TemporaryDirectory directory;
  training::BpeTrainer trainer;
  // "abc" out of "ab" + "c" in some words and out of "a" + "bc" in others.
  for (int i = 0; i < 9; ++i) trainer.add("abx aby abz");
  for (int i = 0; i < 8; ++i) trainer.add("xbc ybc zbc");
  for (int i = 0; i < 7; ++i) trainer.add("abcabcabcq");
  const auto size = trainer.train(700, directory.path() / "t", 77);
  const auto vocabulary = nlohmann::json::parse(bytes_of(directory.path() / "t/vocab.json"));
  CHECK(vocabulary.size() == size);
  std::vector<bool> taken(size, false);
  for (const auto& [token, id] : vocabulary.items()) {
    REQUIRE(id.get<std::size_t>() < size);
    CHECK_FALSE(taken[id.get<std::size_t>()]);
    taken[id.get<std::size_t>()] = true;
  }
  CHECK(Tokenizer::open(directory.path() / "t").encode("abcabcabcq").size() == 3);
}

TEST_CASE("a vocabulary that cannot be is refused") {
  const TemporaryDirectory directory;
  training::BpeTrainer trainer;
  CHECK_THROWS_AS(trainer.train(600, directory.path() / "t", 77), std::runtime_error);  // no word
  trainer.add("word");
  CHECK_THROWS_AS(trainer.train(513, directory.path() / "t", 77), std::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(directory.path() / "t"));
  CHECK(trainer.train(514, directory.path() / "t", 77) == 514);
}
