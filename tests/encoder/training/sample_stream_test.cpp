#include "encoder/training/sample_stream.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/encoder/training/sample_pairs.h"
#include "tests/temporary_directory.h"

namespace {

namespace training = clipdex::training;
namespace datasets = clipdex::datasets;
using clipdex::tests::TemporaryDirectory;

// `shards` lists of `count` pictures each, whose files need not be there.
datasets::Dataset lists(const TemporaryDirectory& directory, std::size_t shards, std::size_t count) {
  std::vector<std::string> words;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    std::string lines;
    for (std::size_t i = 0; i < count; ++i)
      lines += nlohmann::json{{"file", std::to_string(shard) + "-" + std::to_string(i) + ".jpg"}, {"caption", "c"}}.dump() + "\n";
    words.push_back((directory.path() / (std::to_string(shard) + ".jsonl")).string());
    clipdex::tests::write_file(words.back(), lines);
  }
  return datasets::Dataset::open(words, {});
}

std::vector<std::string> take(training::SampleStream& stream, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(stream.next().file.filename().string());
  return names;
}

}  // namespace

TEST_CASE("each epoch has every sample once, in an order of its own") {
  const TemporaryDirectory directory;
  const auto dataset = lists(directory, 3, 20);
  training::SampleStream stream(dataset, {.seed = 1, .samples = 15});
  const auto first = take(stream, 60), second = take(stream, 60);
  CHECK(std::set(first.begin(), first.end()).size() == 60);
  CHECK(std::set(second.begin(), second.end()).size() == 60);
  CHECK(first != second);
  CHECK(stream.position() == training::DataPosition{.epoch = 1, .taken = 60});
  CHECK(training::count_samples(dataset, {}) == 60);
}

TEST_CASE("the seed decides the order, and nothing else") {
  const TemporaryDirectory directory;
  const auto dataset = lists(directory, 2, 30);
  training::SampleStream one(dataset, {.seed = 5, .samples = 10}), same(dataset, {.seed = 5, .samples = 10}),
      other(dataset, {.seed = 6, .samples = 10});
  const auto order = take(one, 100);
  CHECK(order == take(same, 100));
  CHECK(order != take(other, 100));
}

TEST_CASE("a shuffle buffer mixes what is far apart, and one place keeps the order of a shard") {
  const TemporaryDirectory directory;
  const auto dataset = lists(directory, 1, 50);
  training::SampleStream ordered(dataset, {.seed = 1, .samples = 1}), mixed(dataset, {.seed = 1, .samples = 50});
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) expected.push_back("0-" + std::to_string(i) + ".jpg");
  CHECK(take(ordered, 50) == expected);
  CHECK(take(mixed, 50) != expected);
}

TEST_CASE("a stream that begins at a position goes on as the one that came there") {
  const TemporaryDirectory directory;
  const auto dataset = lists(directory, 3, 20);
  const std::size_t taken = GENERATE(0, 7, 59, 60, 61, 150);
  training::SampleStream whole(dataset, {.seed = 3, .samples = 8});
  take(whole, taken);
  training::SampleStream resumed(dataset, {.seed = 3, .samples = 8}, whole.position());
  CHECK(take(resumed, 100) == take(whole, 100));
}

TEST_CASE("data that has become less is told") {
  const TemporaryDirectory directory;
  const auto dataset = lists(directory, 1, 20);
  CHECK_THROWS_AS(training::SampleStream(dataset, {.seed = 3, .samples = 8}, {.epoch = 0, .taken = 21}), std::runtime_error);
}
