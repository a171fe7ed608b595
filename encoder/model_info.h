// What can be told of a model without computing anything with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "encoder/model_directory.h"
#include "encoder/tokenizer.h"

namespace clipdex::encoder {

struct ModelInfo {
  std::string name;                                          // the directory's or the file's
  std::string architecture;                                  // "ViT-B/32", "RN50", or a description such as "ViT 4x256 /16 @64"
  std::string weights_file;                                  // without its directory; of a sharded checkpoint its index
  std::string layout;                                        // "huggingface", "open_clip" or "openai"
  std::string container;                                     // "safetensors", "PyTorch archive", "TorchScript archive", ...
  std::string dtype;                                         // of the matrices as stored: "fp32", "fp16", "bf16"
  std::map<std::string, std::size_t> tensors;                // type -> how many tensors are stored in it
  std::vector<std::pair<std::string, std::uint64_t>> files;  // name and bytes of what holds the weights
  std::uint64_t parameters = 0;
  std::uint64_t visual_parameters = 0;
  double logit_scale = 0;  // as stored, the natural logarithm of the temperature's inverse
  // 32 hex digits over configuration, preprocessing and weights: a collection belongs to exactly one.
  std::string fingerprint;
  // Of weights within a training checkpoint: what its program called the run, or "" where it did not.
  std::optional<std::string> training_run;
  std::string assumption;  // what no file tells and was assumed; empty: nothing
};

// The weights must have passed check_tensors(). Reads all of their bytes, for the fingerprint.
ModelInfo describe_model(const OpenedModel& model);

// std::nullopt where the model has none. Throws std::runtime_error for one that has more tokens than the model.
std::optional<Tokenizer> open_tokenizer(const ModelDirectory& model);

struct InspectedModel {
  ModelInfo info;
  ModelDirectory directory;
  std::optional<Tokenizer> tokenizer;
};

// Opens, checks and describes, without making the model: all of the weights are read, for the fingerprint, and not kept in memory.
// open_model() alone tells configuration and preprocessing without reading them. Throws what ClipEncoder's constructor throws.
InspectedModel inspect_model(const std::filesystem::path& path);

}  // namespace clipdex::encoder
