// Small JPEG previews for the page and for listings.
#pragma once

#include <cstdint>
#include <string>

#include "encoder/image.h"

namespace clipdex::encoder {

struct ThumbnailOptions {
  int side_max = 256;  // pixels of the longer side; smaller pictures are not enlarged
  int quality = 85;    // JPEG quality, 1..100
};

// Returns the bytes of a JPEG file. Transparent pixels are laid on white. Any thread may call it.
std::string make_thumbnail(const Image& image, const ThumbnailOptions& options = {});

}  // namespace clipdex::encoder
