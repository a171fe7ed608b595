// A training as a picture.
#pragma once

#include <span>
#include <string>

#include "encoder/training/training_options.h"

namespace clipdex::training {

// SVG: loss, learning rate and, where there are any, validation recalls over the steps. Long trainings are drawn with the mean of many
// steps a point.
std::string training_chart(std::span<const StepMetrics> history);

}  // namespace clipdex::training
