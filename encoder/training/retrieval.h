// How well texts find their pictures, and pictures their texts (LAION's CLIP_benchmark, metrics/zeroshot_retrieval.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "encoder/training/training_options.h"

namespace clipdex::training {

// images: [n, dimension], texts: [captions, dimension], both of unit length; image_of: for each text the row of its picture. Among equal
// scores the lower row counts as the better one, so that embeddings that are all the same find nothing.
Recalls retrieval_recalls(std::span<const float> images, std::span<const float> texts, std::span<const std::uint32_t> image_of,
                          std::size_t dimension);

}  // namespace clipdex::training
