// The files of a model's directory, wherever its tensors come from: a checkpoint that is converted, or a training's parameters.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "encoder/clip_config.h"
#include "encoder/clip_tensors.h"
#include "encoder/new_directory.h"
#include "encoder/preprocessing.h"
#include "encoder/safetensors_writer.h"

namespace clipdex::encoder {

struct ModelToWrite {
  std::string name;  // for errors
  ClipConfig config;
  Preprocessing preprocessing;
  std::filesystem::path tokenizer;  // the directory that holds its files, which are copied; empty: none
  std::optional<int> start_token;   // of the tokenizer, if there is one
  // Where the tensor lies that clip_tensors() calls `name`, and the tensors of those names.
  std::function<TensorOrigin(const std::string& name)> origin;
  std::function<const TensorView*(const std::string& name)> find;
};

// A tokenizer under the names that everybody looks for: `source` is the directory that holds its files, or one of them alone. OpenAI's
// merges are spelled out besides as transformers wants them. Throws std::runtime_error.
void write_tokenizer(const std::filesystem::path& source, const NewDirectory& directory);

struct WrittenModel {
  std::string layout;        // "huggingface" or "open_clip"
  std::string reason;        // why it is not Hugging Face's; empty where it is
  std::string weights_file;  // in the directory
  std::uint64_t bytes = 0;   // of the weights
};

// Configuration, weights, preprocessing and tokenizer. `type`: fp32, fp16 or bf16 of matrices; normalisation, embeddings, statistics and
// the temperature stay in fp32 beside them, as openai/CLIP's convert_weights leaves them; nothing: each tensor keeps its own.
// Throws std::runtime_error where no layout can describe the model, or a file cannot be written.
WrittenModel write_model(const NewDirectory& directory, const ModelToWrite& model, std::optional<TensorType> type,
                         const WriteProgress& progress = {});

}  // namespace clipdex::encoder
