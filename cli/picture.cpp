#include "cli/picture.h"

#include <cstdint>
#include <stdexcept>

#include "cli/input_files.h"

namespace clipdex::cli {

engine::Image read_picture(const std::string& file, const engine::DecodeOptions& options) {
  ReadError error;
  const auto bytes = read_file(file, engine::ImageLimits{}.bytes_max, error);
  if (!bytes) throw std::runtime_error("cannot read " + file + ": " + error.message);
  try {
    return engine::decode_image({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}, {}, options);
  } catch (const std::runtime_error& failure) {
    throw std::runtime_error(file + ": " + failure.what());
  }
}

}  // namespace clipdex::cli
