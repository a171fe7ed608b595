// Between colour modes, as Pillow's convert("RGB") does it. Private to encoder/.
#pragma once

#include "encoder/image.h"

namespace clipdex::encoder {

// Gray is replicated; alpha is dropped without compositing.
Image to_rgb(Image image);

// Ink samples (0 is no ink), [height, width, 4], become RGB with Pillow's arithmetic (its Convert.c, cmyk2rgb).
void cmyk_to_rgb(Image& image);

// Premultiplied RGBA becomes straight, as Pillow's RGBa unpacker does it: 255 * c / alpha, clipped; nothing where alpha is 0.
void unpremultiply(Image& rgba);

// Alpha is composited over white: for what people look at.
Image flatten_on_white(Image image);

}  // namespace clipdex::encoder
