// What a training begins with: model, tokenizer, preprocessing and data. Private to encoder/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "encoder/tokenizer.h"
#include "encoder/training/trainable_clip.h"
#include "encoder/training/training_checkpoint.h"
#include "encoder/training/training_options.h"

namespace clipdex::training {

struct TrainingSetup {
  datasets::Dataset train;
  std::optional<datasets::Dataset> validation;
  encoder::Tokenizer tokenizer;
  ModelFiles files;
  TrainableClip model;  // initialised, or with the weights to start from
  std::uint64_t steps = 0, warmup_steps = 0;
  std::uint64_t samples = 0;                        // of an epoch; 0 if nobody had to count them
  std::optional<std::filesystem::path> checkpoint;  // to go on from
};

// Throws std::invalid_argument that names the option and what it can be.
void check(const TrainingOptions& options);

// Opens and makes all of it; a tokenizer that is trained goes into `options.out`. `options` passed check().
TrainingSetup set_up(const TrainingOptions& options, const TrainingEvents& events);

// What training.json says: all that the training's course depends on, as a JSON object.
std::string describe(const TrainingOptions& options);

// The names of the options that differ between two descriptions: "batch, learning_rate"; empty if none does.
std::string differences(const std::string& before, const std::string& now);

}  // namespace clipdex::training
