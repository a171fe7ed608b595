// Where a model lies and what it is: which layout, which files, which numbers.
#pragma once

#include <filesystem>
#include <string>

#include "encoder/checkpoint.h"
#include "encoder/clip_config.h"
#include "encoder/preprocessing.h"

namespace clipdex::encoder {

struct ModelDirectory {
  std::filesystem::path directory;  // the one that holds tokenizer and configuration
  std::string name;                 // of the directory, or of the file: checkpoint_name()
  std::string layout;               // "huggingface", "open_clip" or "openai"
  ClipConfig config;
  Preprocessing preprocessing;
  bool has_tokenizer = false;  // Tokenizer::open(directory) can read it
  std::string assumption;      // what no file tells and was assumed; empty: nothing
};

struct OpenedModel {
  ModelDirectory directory;
  Checkpoint checkpoint;
};

// Opens the weights and reads the configuration of
// - a directory as transformers or open_clip fill it (with both, the configuration is the one whose names the weights bear), or one with a
//   single checkpoint and nothing that describes it;
// - a checkpoint, described by the configuration file of its layout beside it if there is one, else by its tensors (config_inference.h).
// The weights are mapped, not read: check_tensors() tells whether they fit. Throws std::runtime_error that names the file, the key and the
// remedy.
OpenedModel open_model(const std::filesystem::path& path);

}  // namespace clipdex::encoder
