#include "engine/errors.h"

namespace clipdex::engine {

std::string image_error_code(ImageError::Reason reason) {
  switch (reason) {
    case ImageError::Reason::kUnsupported:
      return "unsupported_image";
    case ImageError::Reason::kCorrupt:
      return "corrupt_image";
    case ImageError::Reason::kTooLarge:
      return "image_too_large";
  }
  return "corrupt_image";
}

}  // namespace clipdex::engine
