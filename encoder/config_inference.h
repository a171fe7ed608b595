// A model's configuration where no file states it: from its tensors' names and shapes, and, for what no shape tells, from where it comes.
#pragma once

#include <string>

#include "encoder/checkpoint.h"
#include "encoder/clip_config.h"
#include "encoder/clip_tensors.h"
#include "encoder/preprocessing.h"

namespace clipdex::encoder {

struct InferredModel {
  ClipConfig config;
  Preprocessing preprocessing;
  // Why this activation; empty where it was told by the checkpoint or its name, else what was assumed and how to say otherwise.
  std::string assumption;
};

// Sizes follow from shapes. The image tower's heads are 64 wide, except for the shapes of LAION's H, g and bigG. QuickGELU or GELU, mean,
// deviation and resize are those of OpenAI for TorchScript archives and files with OpenAI's names; for names of published training runs
// (file, run or directory: "laion2b", "datacomp", "dfn5b", "metaclip", "quickgelu", ...) those of that run; else QuickGELU for
// transformers' names and GELU for open_clip's, which are their defaults.
// Throws std::runtime_error that names the file and the tensor that is missing or misshapen.
InferredModel infer_model(const Checkpoint& checkpoint, TensorNaming naming);

}  // namespace clipdex::encoder
