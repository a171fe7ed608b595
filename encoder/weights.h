// Checkpoint -> parameters. Private to encoder/: LibTorch shows here.
#pragma once

#include <string>

#include "encoder/checkpoint.h"
#include "encoder/clip_model.h"

namespace clipdex::encoder {

// The tensor that we call `name` (clip_tensors.h), in fp32 and in our orientation; in the mapped file itself where it is fp32, aligned and
// in one part. The checkpoint must have passed check_tensors().
at::Tensor read_weight(const Checkpoint& checkpoint, const std::string& name);

// Fills every parameter and buffer of `model` with read_weight().
void load_weights(ClipModel& model, const Checkpoint& checkpoint);

}  // namespace clipdex::encoder
