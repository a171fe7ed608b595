// Bytes of a picture file -> pixels, with limits that are checked before memory is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "encoder/image.h"

namespace clipdex::encoder {

struct ImageLimits {
  std::size_t bytes_max = std::size_t{32} << 20;
  std::uint64_t pixels_max = 64'000'000;
  int side_max = 32'768;
};

// Where a whole picture is much more than is needed, decoding less of it saves most of the time. Only JPEG does so: its blocks are
// transformed to 4 x 4, 2 x 2 or 1 pixels instead of 8 x 8. With zeros: exact, every pixel.
struct DecodeOptions {
  // The reduced picture has at least these sides; a picture that has less is decoded whole.
  int shorter_side_min = 0;
  int longer_side_min = 0;
};

// Why a picture was refused. `what()` is a sentence for the person who sent it.
class ImageError : public std::runtime_error {
 public:
  enum class Reason { kUnsupported, kCorrupt, kTooLarge };
  ImageError(Reason reason, const std::string& message) : std::runtime_error(message), reason_(reason) {}
  Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

// JPEG, PNG, WebP, GIF, HEIC, AVIF, TIFF and BMP. The format is sniffed from the bytes, never from a name. The pixels are Pillow's, in the
// mode that Pillow opens the file in; each decoder's header says more. Of an animation or a file of many pages the first picture is read.
// EXIF orientation (JPEG APP1, PNG eXIf, WebP EXIF, TIFF's tag) and HEIF's own rotation are applied, so that width and height are as a
// person sees the picture; ICC profiles are ignored, as the reference does.
// JPEG as Pillow decodes it: libjpeg-turbo's accurate DCT and fancy upsampling; CMYK and Adobe YCCK become RGB with Pillow's arithmetic.
// Any thread may call it. Throws ImageError.
Image decode_image(std::span<const std::uint8_t> bytes, const ImageLimits& limits = {}, const DecodeOptions& options = {});

}  // namespace clipdex::encoder
