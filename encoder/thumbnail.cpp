#include "encoder/thumbnail.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "encoder/color.h"
#include "encoder/jpeg.h"
#include "encoder/resize.h"

namespace clipdex::encoder {

std::string make_thumbnail(const Image& image, const ThumbnailOptions& options) {
  const int longer = std::max(whole_width(image), whole_height(image));
  if (longer <= options.side_max) return encode_jpeg(flatten_on_white(image), options.quality);
  const double scale = static_cast<double>(options.side_max) / longer;
  const auto scaled = [scale](int side) { return std::max(1, static_cast<int>(std::lround(side * scale))); };
  const auto shrink = [&](const Image& of) {
    return encode_jpeg(flatten_on_white(resize(of, scaled(whole_width(of)), scaled(whole_height(of)), Interpolation::kBilinear)),
                       options.quality);
  };
  if (!image.indexed) return shrink(image);
  Image smoothed = image;
  smoothed.indexed = false;  // a preview looks better smoothed
  return shrink(smoothed);
}

}  // namespace clipdex::encoder
