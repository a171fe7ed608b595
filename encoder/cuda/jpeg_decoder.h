// JPEGs through nvJPEG. Private to encoder/.
#pragma once

#include <memory>

#include "encoder/device_decoder.h"

namespace clipdex::encoder {

// On that GPU: by its JPEG engines where it has them, else by its kernels. Each place keeps the memory that its largest picture took; all
// together take at most about a sixteenth of the GPU's, and nothing more is taken while less than that is free. Throws std::runtime_error
// if nvJPEG cannot be used there.
std::unique_ptr<DeviceDecoder> make_cuda_jpeg_decoder(int device);

}  // namespace clipdex::encoder
