#include "engine/known_images.h"

#include <algorithm>
#include <stdexcept>

#include "engine/metadata.h"

namespace clipdex::engine {
namespace {

bool is_known(const Collection& collection, const ImageVersion& version) {
  const auto record = collection.get(version.id);
  if (!record || record->content_hash != version.content_hash) return false;
  if (!version.metadata || *version.metadata == record->metadata) return true;
  try {
    return normalized_metadata(*version.metadata) == record->metadata;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

}  // namespace

std::vector<bool> known_images(const Collection& collection, std::span<const ImageVersion> versions) {
  std::vector<bool> known(versions.size());
  std::transform(versions.begin(), versions.end(), known.begin(), [&](const auto& version) { return is_known(collection, version); });
  return known;
}

}  // namespace clipdex::engine
