// From files to embeddings: decoding on several threads while the encoder works.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/errors.h"
#include "engine/model.h"

namespace clipdex::engine {

struct PreparedImage {
  int width = 0, height = 0;
  std::string format;
  std::string thumbnail;
  std::vector<float> embedding;
  // Set if the file was refused; then nothing else is.
  std::string error_code, error;
};

struct PreparationOptions {
  ImageLimits limits;
  bool thumbnails = true;
};

// One result a file, in order. At most a few decoded pictures exist in the process at any time, whatever the
// number of files and of requests.
std::vector<PreparedImage> prepare_images(std::span<const std::string* const> files, const ClipEncoder& encoder,
                                          const PreparationOptions& options);

// The unit embedding of one file. Throws ImageError.
std::vector<float> embed_file(const std::string& file, const ClipEncoder& encoder, const ImageLimits& limits);

}  // namespace clipdex::engine
