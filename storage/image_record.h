// What is known about one stored picture.
#pragma once

#include <cstdint>
#include <string>

namespace clipdex::storage {

struct ImageRecord {
  std::uint64_t row = 0;     // position in the index; never reused
  std::string id;            // chosen by the caller, 1..512 bytes; without one, the content hash
  std::string content_hash;  // XXH3-128 of the file's bytes, 32 hex digits
  std::int32_t width = 0;    // pixels, after orientation
  std::int32_t height = 0;
  std::string format;  // "jpeg", "png", "webp", ...: behind "image/" it is the media type
  std::uint64_t bytes = 0;
  std::string source;           // file name or path it came from, may be empty
  std::int64_t created_ms = 0;  // Unix time in milliseconds
  std::int64_t updated_ms = 0;
  std::string metadata = "{}";  // a JSON object

  bool operator==(const ImageRecord&) const = default;
};

}  // namespace clipdex::storage
