// What a resize is going to compute, for whoever computes it: this CPU (resize.cpp) or a GPU. Private to encoder/.
#pragma once

#include <optional>

#include "encoder/resize.h"
#include "encoder/resize_passes.h"

namespace clipdex::encoder {

// Two passes, horizontal first and rounded to 8 bits in between. An axis without taps stays as it is.
struct ResizePlan {
  std::optional<Taps> across, down;
  int first_row = 0, rows = 0;  // of the picture, that the passes look at
};

// Of resize_window() where it filters: not for the nearest neighbour.
ResizePlan plan_resize(const Image& image, int width, int height, Interpolation interpolation, const Window& window);

}  // namespace clipdex::encoder
