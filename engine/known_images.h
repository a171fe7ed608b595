// What a caller need not send again.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/collection.h"

namespace clipdex::engine {

// A picture that a caller has, without its bytes.
struct ImageVersion {
  std::string id;
  std::string content_hash;             // content_hash() of its bytes
  std::optional<std::string> metadata;  // as in IngestItem
};

// For each, in order: whether an ingest of it now would be `unchanged`. Metadata that no image may have is never known.
std::vector<bool> known_images(const Collection& collection, std::span<const ImageVersion> versions);

}  // namespace clipdex::engine
