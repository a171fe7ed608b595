// Pillow's 8-bit resampling, bit for bit (Pillow, src/libImaging/Resample.c).
#pragma once

#include "encoder/image.h"

namespace clipdex::encoder {

// The numbers are Pillow's, as they stand in preprocessor_config.json under "resample".
enum class Interpolation { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3 };

// Resizes to width x height. Pictures with alpha are premultiplied for the resampling, as Pillow does.
// `indexed` pictures always use the nearest neighbour. Throws std::invalid_argument for a size below 1.
Image resize(const Image& image, int width, int height, Interpolation interpolation);

}  // namespace clipdex::encoder
