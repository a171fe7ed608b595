// A training of seconds, and what it left.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "encoder/training/trainer.h"
#include "tests/encoder/training/sample_pairs.h"
#include "tests/temporary_directory.h"

namespace clipdex::tests {

// On the data in `words`, with a configuration in `data`, into `out`.
inline training::TrainingOptions tiny_training_on(const std::filesystem::path& words, const TemporaryDirectory& data,
                                                  const TemporaryDirectory& out) {
  training::TrainingOptions options;
  options.out = out.path() / "run";
  options.train.words = {words.string()};
  options.config = write_tiny_config(data.path()).string();
  options.vocabulary_size = 600;
  options.batch = 16;
  options.steps = 12;
  options.learning_rate = 1e-3;
  options.warmup_steps = 2;
  options.threads = 2;
  options.shuffle = 20;
  options.checkpoint_every = 0;
  return options;
}

// On `pairs` pairs.
inline training::TrainingOptions tiny_training(const TemporaryDirectory& data, const TemporaryDirectory& out, std::size_t pairs) {
  return tiny_training_on(write_pairs(data.path(), pairs), data, out);
}

inline std::vector<nlohmann::json> lines_of(const std::filesystem::path& file) {
  std::vector<nlohmann::json> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// What must be the same in two trainings: not their speed.
inline std::vector<nlohmann::json> course(const std::filesystem::path& out) {
  auto lines = lines_of(out / "metrics.jsonl");
  for (auto& line : lines) {
    line.erase("samples_per_second");
    line.erase("data_seconds");
  }
  return lines;
}

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline std::string failure_of(const training::TrainingOptions& options) {
  try {
    training::train(options);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace clipdex::tests
