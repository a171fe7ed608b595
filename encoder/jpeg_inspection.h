// Which JPEG files any decoder reads to the same picture. Private to encoder/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "encoder/image_decoder.h"

namespace clipdex::encoder {

struct OrdinaryJpeg {
  int width = 0, height = 0;  // as it is stored, not turned
  int components = 0;         // 1: gray; 3: YCbCr
  int scans = 0;              // one: baseline with all components interleaved
  std::size_t bytes = 0;      // of the file, up to its end-of-image marker; what stands behind is no part of the picture
};

// What a file says before and between its scans, if it is what cameras and programs write, whole and within the limits: baseline or
// progressive with Huffman codes, 8 bits, gray or YCbCr (said by JFIF, Adobe's marker or the usual component ids) with chroma whole or
// halved along either axis, every table sound and there before it is used, every scan in its place, as many restart markers in order as
// there must be, and no stray byte between segments. Nothing for any other file, which decode_image() reads or refuses. The scans' data is
// not decoded: damage there is found by who decodes it. At memory speed.
std::optional<OrdinaryJpeg> inspect_ordinary_jpeg(std::span<const std::uint8_t> file, const ImageLimits& limits);

}  // namespace clipdex::encoder
