// Pillow's 8-bit resampling, bit for bit (Pillow, src/libImaging/Resample.c).
#pragma once

#include "encoder/image.h"

namespace clipdex::encoder {

// The numbers are Pillow's, as they stand in preprocessor_config.json under "resample".
enum class Interpolation { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3 };

// Resizes to width x height. Pictures with alpha are premultiplied for the resampling, as Pillow does.
// `indexed` pictures always use the nearest neighbour. Throws std::invalid_argument for a size below 1.
// Horizontal pass first, always, as Pillow does up to 12.1 (and as pretrained models were trained). 12.2 swaps the passes where a picture
// of over 100 times its width in height shrinks, and 13.0 by a wider rule; since the first pass rounds to 8 bits, single samples differ
// then.
Image resize(const Image& image, int width, int height, Interpolation interpolation);

struct Window {
  int left, top, width, height;
};

// Exactly the window of what resize() would give, without computing the rest: a picture of 1 x 32,768 enlarged to a width of 224 would be
// 1.6 gigapixels. Throws std::invalid_argument for a window that is empty or reaches outside.
Image resize_window(const Image& image, int width, int height, Interpolation interpolation, const Window& window);

}  // namespace clipdex::encoder
