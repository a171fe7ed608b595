// Between colour modes, as Pillow's convert("RGB") does it. Private to encoder/.
#pragma once

#include "encoder/image.h"

namespace clipdex::encoder {

// Gray is replicated; alpha is dropped without compositing.
Image to_rgb(Image image);

// What the four samples of a CMYK picture say: how much ink there is (TIFF), or how much is missing (Adobe's JPEGs).
enum class InkSamples { kInk, kInverted };

// [height, width, 4] samples become RGB with Pillow's arithmetic (its Convert.c, cmyk2rgb).
void cmyk_to_rgb(Image& image, InkSamples samples);

// Round(a * b / 255) of two samples: Pillow's MULDIV255.
inline int multiply_div_255(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

// Premultiplied RGBA becomes straight as Pillow does it when it opens a file (its RGBa unpacker): 255 * c / alpha, clipped; black where
// alpha is 0. (resize() follows another rule, Pillow's conversion from RGBa to RGBA, which leaves such samples alone.)
void unpremultiply_file(Image& rgba);

// Alpha is composited over white: for what people look at.
Image flatten_on_white(Image image);

}  // namespace clipdex::encoder
