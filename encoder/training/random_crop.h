// torchvision's RandomResizedCrop, which CLIP's training augments pictures with. Private to encoder/.
#pragma once

#include "encoder/image.h"
#include "encoder/preprocessing.h"
#include "encoder/training/random_stream.h"

namespace clipdex::training {

struct CropOptions {
  double scale_min = 0.9, scale_max = 1;  // of the picture's area
  double ratio_min = 3.0 / 4, ratio_max = 4.0 / 3;
};

// Where the crop lies: an area and a ratio of sides are drawn until they fit (ten times; then the largest part of the middle whose ratio
// is within the bounds).
encoder::Window random_window(int width, int height, const CropOptions& options, RandomStream& random);

// The crop, resized with `preprocessing.interpolation` to its size, as normalised pixels: float32 [3, height, width] into `pixels`.
void random_resized_crop(const encoder::Image& image, const encoder::Preprocessing& preprocessing, const CropOptions& options,
                         RandomStream& random, float* pixels);

}  // namespace clipdex::training
