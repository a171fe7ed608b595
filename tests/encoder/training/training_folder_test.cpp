// What a training does to the folder that it fills, and what it needs of others.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "tests/encoder/training/tiny_training.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
using namespace clipdex::tests;
using Catch::Matchers::ContainsSubstring;

}  // namespace

TEST_CASE("a training goes on with its own tokenizer, whatever became of one that was to begin anew") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 40);
  options.steps = 0;
  options.epochs = 2;
  std::uint64_t steps = 0;
  training::train(options,
                  {.step = [&](const training::StepMetrics& metrics) { steps = metrics.step; }, .stop = [&] { return steps == 1; }});
  const auto tokens = [](const fs::path& model) { return bytes_of(model / "vocab.json"); };
  const auto before = tokens(options.out / "checkpoints/step-00000001");
  auto anew = options;
  anew.restart = true;
  anew.vocabulary_size = 530;
  anew.epochs = 0.1;
  CHECK_THAT(failure_of(anew), ContainsSubstring("--batch"));
  const auto result = training::train(options);
  CHECK(result.finished);
  CHECK(tokens(options.out / "tokenizer") == before);
  CHECK(tokens(result.model) == before);
}

TEST_CASE("a training removes nothing that no training made") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 1;
  options.restart = GENERATE(false, true);
  const std::string name = GENERATE("checkpoints/epoch_1.pt", "model/config.json", "tokenizer/vocab.json", "metrics.jsonl");
  fs::create_directories((options.out / name).parent_path());
  write_file(options.out / name, "somebody's");
  CHECK_THAT(failure_of(options), ContainsSubstring("is there, and no training.json"));
  CHECK(bytes_of(options.out / name) == "somebody's");
}

TEST_CASE("a finished training whose checkpoints were removed keeps its model") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 1;
  const auto result = training::train(options);
  fs::remove_all(options.out / "checkpoints");
  CHECK_THAT(failure_of(options), ContainsSubstring("--restart"));
  CHECK(fs::exists(result.model / "model.safetensors"));
}

TEST_CASE("fine-tuning goes on where the model that it began with is gone, and never removes it itself") {
  const TemporaryDirectory data, out, tuned;
  auto options = tiny_training(data, out, 40);
  options.steps = 1;
  auto tuning = options;
  tuning.from = training::train(options).model;
  tuning.config.clear();
  tuning.vocabulary_size = 0;
  tuning.restart = true;
  CHECK_THAT(failure_of(tuning), ContainsSubstring("--from"));
  CHECK(fs::exists(tuning.from / "model.safetensors"));
  tuning.restart = false;
  tuning.steps = 4;
  tuning.out = tuned.path() / "run";
  std::uint64_t steps = 0;
  training::train(tuning,
                  {.step = [&](const training::StepMetrics& metrics) { steps = metrics.step; }, .stop = [&] { return steps == 2; }});
  const auto vocabulary = bytes_of(tuning.from / "vocab.json");
  fs::rename(tuning.from, tuning.from.string() + "-moved");
  const auto result = training::train(tuning);
  CHECK(result.finished);
  CHECK(bytes_of(result.model / "vocab.json") == vocabulary);
}

TEST_CASE("validation data that cannot be read ends a training before its first step, not within it") {
  const TemporaryDirectory data, validation, out;
  auto options = tiny_training(data, out, 20);
  options.steps = 4;
  options.evaluate_every = 2;
  write_pairs(validation.path(), 3);
  options.validation.words = {(validation.path() / "pairs.jsonl").string()};
  std::vector<std::string> messages;
  const auto result = training::train(options, {.step =
                                                    [&](const training::StepMetrics& metrics) {
                                                      if (metrics.step != 3) return;
                                                      for (int i = 0; i < 3; ++i)
                                                        fs::remove(validation.path() / (std::to_string(i) + ".jpg"));
                                                    },
                                                .message = [&](const std::string& text) { messages.push_back(text); }});
  CHECK(result.finished);
  CHECK_FALSE(result.validation);
  CHECK(course(options.out)[1].contains("validation"));
  CHECK_THAT(messages.back(), ContainsSubstring("recall was not measured at step 4"));
  write_pairs(validation.path(), 3);
  CHECK(training::train(options).validation);  // made up for
  options.out = out.path() / "another";
  for (int i = 0; i < 3; ++i) fs::remove(validation.path() / (std::to_string(i) + ".jpg"));
  CHECK_THAT(failure_of(options), ContainsSubstring("0.jpg"));
}
