// What lies in a model directory: which layout, which files, which numbers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "encoder/clip_config.h"
#include "encoder/preprocessing.h"

namespace clipdex::encoder {

struct ModelDirectory {
  std::filesystem::path directory;
  std::string layout;  // "huggingface" or "open_clip"
  std::filesystem::path weights;
  ClipConfig config;
  Preprocessing preprocessing;
  bool has_tokenizer = false;  // Tokenizer::open() can read it
};

// Reads the configuration files, not the weights. A directory with both layouts' files is the one whose names its weights bear.
// Throws std::runtime_error that names the file, the key and the remedy.
ModelDirectory read_model_directory(const std::filesystem::path& directory);

}  // namespace clipdex::encoder
