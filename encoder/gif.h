// GIF through giflib. Private to encoder/.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/image.h"
#include "encoder/image_decoder.h"

namespace clipdex::encoder {

// The first frame as Pillow opens it; the rest of the file is not looked at. RGB with `indexed` set, or gray where the palette is the gray
// ramp or missing (Pillow's mode "L"). The canvas is the screen, enlarged to hold the frame; around the frame it has the transparent
// colour's index or else index 0. Transparency is dropped, as Pillow's convert("RGB") drops it.
Image decode_gif(std::span<const std::uint8_t> bytes, const ImageLimits& limits);

}  // namespace clipdex::encoder
