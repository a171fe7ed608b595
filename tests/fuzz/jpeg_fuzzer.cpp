// JPEG files, decoded whole and at a reduced size, within limits that keep a run quick; and what their markers say, which goes before a
// GPU's decoder.
#include <cstdint>

#include "encoder/image_decoder.h"
#include "encoder/jpeg_inspection.h"
#include "encoder/preprocessing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clipdex::encoder;
  const ImageLimits limits{.bytes_max = std::size_t{1} << 20, .pixels_max = 250'000, .side_max = 4096};
  const auto ordinary = inspect_ordinary_jpeg({data, size}, limits);
  if (ordinary && (ordinary->bytes > size || ordinary->width > limits.side_max || ordinary->height > limits.side_max)) __builtin_trap();
  for (const DecodeOptions& options : {DecodeOptions{}, DecodeOptions{.shorter_side_min = 8}}) {
    try {
      const Image image = decode_image({data, size}, limits, options);
      if (image.pixels.size() !=
          static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.channels)) {
        __builtin_trap();
      }
      // What is ordinary is the same picture for everybody, turned or not.
      if (ordinary &&
          (ordinary->components != image.channels || ordinary->width * ordinary->height != whole_width(image) * whole_height(image))) {
        __builtin_trap();
      }
      const auto tensor = preprocess(image, {.width = 16, .height = 16, .resize_to = 16});
      if (tensor.size() != std::size_t{3} * 16 * 16) __builtin_trap();
    } catch (const ImageError&) {
      // Refused, which is what most inputs deserve.
    }
  }
  return 0;
}
