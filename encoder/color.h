// Between colour modes, as Pillow's convert("RGB") does it. Private to encoder/.
#pragma once

#include "encoder/image.h"

namespace clipdex::encoder {

// Gray is replicated; alpha is dropped without compositing.
Image to_rgb(Image image);

// Alpha is composited over white: for what people look at.
Image flatten_on_white(Image image);

}  // namespace clipdex::encoder
