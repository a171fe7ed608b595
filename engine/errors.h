// What can go wrong, for the two places that turn it into statuses and exit codes (http/, cli/).
// Besides these: std::invalid_argument (a value that cannot be), any other std::exception (our side failed).
#pragma once

#include <stdexcept>
#include <string>

#include "encoder/image_decoder.h"
#include "storage/image_store.h"

namespace clipdex::engine {

// The request contradicts the state: another model's collection, a name that is taken, a data directory in use.
class ConflictError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A query by the id of an image that the collection does not have.
class UnknownImageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// There is more to do than this machine can take: later it may be possible.
class OverloadedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using encoder::ImageError;
using storage::CorruptionError;
using storage::DiskFullError;

// What an ImageError's reason is called in answers: "unsupported_image", "corrupt_image", "image_too_large".
std::string image_error_code(ImageError::Reason reason);

}  // namespace clipdex::engine
