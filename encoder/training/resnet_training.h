// The ModifiedResNet image tower, for autograd (openai/CLIP, ModifiedResNet). Private to encoder/.
#pragma once

#include <ATen/ATen.h>

#include "encoder/modified_resnet.h"

namespace clipdex::training {

// Of batch normalisation: with the batch's own statistics, and whether those move the running ones.
struct BatchStatistics {
  bool of_batch = false;
  bool update = false;
};

// pixels: [n, 3, size, size] -> [n, embedding dimension].
at::Tensor run_resnet(const encoder::ModifiedResNet& tower, const at::Tensor& pixels, BatchStatistics statistics);

}  // namespace clipdex::training
