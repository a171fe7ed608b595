// Checkpoint -> parameters. Private to encoder/: LibTorch shows here.
#pragma once

#include <string>

#include "encoder/clip_model.h"
#include "encoder/safetensors.h"

namespace clipdex::encoder {

// Fills every parameter and buffer of `model` from `file`, in fp32. The layout (Hugging Face or open_clip/OpenAI) is told by the names.
// fp32 tensors stay in the mapped file, others are converted. Throws std::runtime_error that names the file and the tensors
// that are missing, surplus or of the wrong shape.
void load_weights(ClipModel& model, const SafetensorsFile& file);

// Whether the names are those of transformers' CLIPModel.
bool has_huggingface_names(const SafetensorsFile& file);

// The type that most bytes are stored in: "fp32", "fp16", "bf16".
std::string dominant_type(const SafetensorsFile& file);

}  // namespace clipdex::encoder
