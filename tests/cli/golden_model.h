// The weight-free models of tests/data/clip_golden.json: every number follows from a formula over tensor names, so that the reference
// (openai/CLIP model.py) and clipdex can be compared without a checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tests/encoder/safetensors_files.h"

namespace clipdex::tests {

// In [-1, 1): the formula's number at the flat index i of the tensor called `key`.
float golden_number(const std::string& key, std::size_t i);

// OpenAI's state dict with "num_batches_tracked" left out, fp32.
std::map<std::string, TensorData> golden_vit();
std::map<std::string, TensorData> golden_resnet();
// The Vision Transformer's under transformers' names: query, key and value apart, projections transposed.
std::map<std::string, TensorData> golden_vit_in_huggingface_names();

// Model directories that clipdex reads; made if missing.
void write_golden_vit_as_open_clip(const std::filesystem::path& directory);
void write_golden_resnet_as_open_clip(const std::filesystem::path& directory);
// The same numbers under transformers' names.
void write_golden_vit_as_huggingface(const std::filesystem::path& directory);

// [2, 3, 64, 64]: an 8 x 8 picture with each cell repeated 8 x 8.
std::vector<float> golden_pixels();
// With start and end token, ending in zeros as the reference's do.
std::vector<std::vector<int>> golden_tokens();

std::vector<float> floats_of(const TensorData& tensor);

// A .npy file of version 1; `descr` and `order` are what its header claims.
void write_npy(const std::filesystem::path& file, const std::vector<std::size_t>& shape, std::span<const float> values,
               const std::string& descr = "<f4", const std::string& order = "False");

}  // namespace clipdex::tests
