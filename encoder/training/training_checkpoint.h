// Where a training stands, on the disk: whole or not at all. Private to encoder/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "encoder/preprocessing.h"
#include "encoder/training/adamw.h"
#include "encoder/training/sample_stream.h"
#include "encoder/training/trainable_clip.h"

namespace clipdex::training {

// What is not in the tensors. There is no generator's state: every random number follows from the seed and the position.
struct TrainingState {
  std::uint64_t step = 0;             // made
  DataPosition position;              // where the next batch begins
  std::uint64_t optimizer_steps = 0;  // fewer, if fp16 had to leave some out
  double loss_scale = 1;              // of fp16
  std::uint64_t steps_at_scale = 0;
  std::uint64_t samples = 0;  // of an epoch, if they were counted
};

// Beside the parameters, what makes a model's directory of them.
struct ModelFiles {
  encoder::Preprocessing preprocessing;
  std::filesystem::path tokenizer;  // a directory
  int start_token = 0;
};

// Writes `path`, the directory of a model that the encoder and transformers (or open_clip) open. Replaces an older one.
void write_trained_model(const std::filesystem::path& path, const TrainableClip& model, const ModelFiles& files);

// Makes `directory`/step-N, a model's directory with optimizer.safetensors and training_state.json beside. Then all but the newest `kept`
// of them are removed. Throws std::runtime_error (a full disk, ...), and leaves the older ones.
std::filesystem::path write_checkpoint(const std::filesystem::path& directory, const TrainingState& state, const TrainableClip& model,
                                       const AdamW& optimizer, const ModelFiles& files, std::size_t kept);

std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& directory);

// Without the tensors.
TrainingState read_state(const std::filesystem::path& checkpoint);

// Removes what trainings that were killed left half made.
void remove_leftovers(const std::filesystem::path& directory);

// Removes all step-N, and nothing else.
void remove_checkpoints(const std::filesystem::path& directory);

// Fills `model` and `optimizer`. Throws std::runtime_error that names the file and the remedy.
TrainingState read_checkpoint(const std::filesystem::path& checkpoint, TrainableClip& model, AdamW& optimizer);

}  // namespace clipdex::training
