#include "encoder/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "encoder/color.h"
#include "encoder/jpeg.h"
#include "encoder/resize.h"

namespace clipdex::encoder {

std::string make_thumbnail(const Image& image, const ThumbnailOptions& options) {
  const int longer = std::max(image.width, image.height);
  if (longer <= options.side_max) return encode_jpeg(flatten_on_white(image), options.quality);
  const double scale = static_cast<double>(options.side_max) / longer;
  const auto scaled = [scale](int side) { return std::max(1, static_cast<int>(std::lround(side * scale))); };
  Image small = image;
  small.indexed = false;  // a preview looks better smoothed
  return encode_jpeg(flatten_on_white(resize(small, scaled(image.width), scaled(image.height), Interpolation::kBilinear)), options.quality);
}

}  // namespace clipdex::encoder
