// The tensors that make up a CLIP of a given configuration, and the names they bear in each layout of checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "encoder/checkpoint.h"
#include "encoder/clip_config.h"

namespace clipdex::encoder {

struct ClipTensor {
  // As open_clip's CustomTextCLIP names it: "visual." and "text." before OpenAI's names.
  std::string name;
  std::vector<std::int64_t> shape;
};

// All that a checkpoint must hold, running statistics included.
std::vector<ClipTensor> clip_tensors(const ClipConfig& config);

enum class TensorNaming { kOpenAi, kHuggingFace };

// How transformers' CLIPModel or openai/CLIP and open_clip name things; nothing where the checkpoint is no CLIP.
std::optional<TensorNaming> naming_of(const Checkpoint& checkpoint);

// Where a tensor comes from: one of the checkpoint's tensors, or several concatenated along the first dimension; transposed or as it is.
struct TensorOrigin {
  std::vector<std::string> names;
  bool transposed = false;
};

// Hugging Face's names of the tensor that we call `name`. Only a Vision Transformer's CLIP has them.
TensorOrigin huggingface_origin(const std::string& name);

// Where `checkpoint` has the tensor that we call `name`, if it has it.
TensorOrigin origin_of(const Checkpoint& checkpoint, TensorNaming naming, const std::string& name);

// Throws std::runtime_error that names the file and the tensors that are missing, surplus, no floating-point numbers or of the wrong
// shape. To be called before memory is taken for a configuration, which may ask for anything.
void check_tensors(const Checkpoint& checkpoint, const ClipConfig& config);

}  // namespace clipdex::encoder
