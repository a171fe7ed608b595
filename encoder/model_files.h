// The names that a model's files bear, and what a path is by its name and its first bytes. Private to encoder/ but for is_checkpoint().
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace clipdex::encoder {

inline constexpr const char* kHuggingFaceConfig = "config.json";
inline constexpr const char* kOpenClipConfig = "open_clip_config.json";
inline constexpr const char* kPreprocessorConfig = "preprocessor_config.json";
inline constexpr std::string_view kShardsIndexSuffix = ".index.json";

// Weights, in the order in which the libraries look for them.
std::span<const std::string_view> huggingface_weights();
std::span<const std::string_view> open_clip_weights();

// Tokenizers' files of every kind, with what transformers keeps beside them.
std::span<const std::string_view> tokenizer_files();

// The first of these names that is a file in the directory.
std::optional<std::filesystem::path> first_file(const std::filesystem::path& directory, std::span<const std::string_view> names);

// Whether it ends as weights do: .safetensors, .pt, .pth, .bin.
bool has_checkpoint_name(const std::filesystem::path& file);

// Whether a file is what open_model() takes for weights: by its name, an index of shards included, or else by its first bytes.
bool is_checkpoint(const std::filesystem::path& file);

// The file's name without its extension; of an index without the shards' extension either: "model" of "model.safetensors.index.json".
std::string checkpoint_name(const std::filesystem::path& file);

// Whether a directory is a CLIP model's and nothing else: a configuration of a CLIP, weights under a name that is looked for, and not one
// file or directory that models do not have.
bool is_model_directory(const std::filesystem::path& directory);

}  // namespace clipdex::encoder
