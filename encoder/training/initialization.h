// Where a training from scratch begins. Private to encoder/.
#pragma once

#include <cstdint>

#include "encoder/training/trainable_clip.h"

namespace clipdex::training {

// ln(1 / 0.07)
inline constexpr double kInitialLogitScale = 2.6592600369327781;

// openai/CLIP's: initialize_parameters() of its model.py, and PyTorch's own defaults for what that leaves alone (the image tower's blocks,
// convolutions, biases of the MLPs). The numbers depend on the seed and the parameter's name alone.
void initialize(TrainableClip& model, std::uint64_t seed);

}  // namespace clipdex::training
