#include "engine/metadata.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace clipdex::engine {
namespace {

nlohmann::json parse_object(std::string_view text) {
  if (text.size() > kMetadataBytesMax) {
    throw std::invalid_argument("the metadata has " + std::to_string(text.size()) + " bytes, and " + std::to_string(kMetadataBytesMax) +
                                " are the limit");
  }
  bool too_deep = false;
  const auto callback = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > kMetadataDepthMax;
    return !too_deep;
  };
  auto parsed = nlohmann::json::parse(text, callback, /*allow_exceptions=*/false);
  if (too_deep) throw std::invalid_argument("the metadata is nested more than " + std::to_string(kMetadataDepthMax) + " deep");
  if (!parsed.is_object()) throw std::invalid_argument("the metadata is not a JSON object");
  return parsed;
}

std::string limited(const nlohmann::json& metadata) {
  std::string text = metadata.dump();
  if (text.size() > kMetadataBytesMax)
    throw std::invalid_argument("the metadata would have " + std::to_string(text.size()) + " bytes, and " +
                                std::to_string(kMetadataBytesMax) + " are the limit");
  return text;
}

}  // namespace

std::string normalized_metadata(std::string_view text) { return limited(parse_object(text)); }

std::string merged_metadata(const std::string& metadata, std::string_view patch) {
  auto target = nlohmann::json::parse(metadata, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!target.is_object()) target = nlohmann::json::object();
  target.merge_patch(parse_object(patch));
  return limited(target);
}

}  // namespace clipdex::engine
