// The check that every decoder makes between reading a header and taking memory. Private to encoder/.
#pragma once

#include <cstdint>
#include <string>

#include "encoder/image_decoder.h"

namespace clipdex::encoder {

inline void check_size(std::int64_t width, std::int64_t height, const ImageLimits& limits) {
  const std::string size = std::to_string(width) + " x " + std::to_string(height);
  if (width < 1 || height < 1) throw ImageError(ImageError::Reason::kCorrupt, "the picture has no pixels (" + size + ")");
  if (width > limits.side_max || height > limits.side_max) {
    throw ImageError(ImageError::Reason::kTooLarge, "the picture is " + size + ", and a side of " + std::to_string(limits.side_max) +
                                                        " pixels is the limit: scale it down");
  }
  if (static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) > limits.pixels_max) {
    throw ImageError(ImageError::Reason::kTooLarge,
                     "the picture is " + size + ", and " + std::to_string(limits.pixels_max) + " pixels are the limit: scale it down");
  }
}

}  // namespace clipdex::encoder
