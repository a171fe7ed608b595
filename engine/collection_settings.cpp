#include "engine/collection_settings.h"

#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "engine/errors.h"
#include "index/index_type.h"

namespace clipdex::engine {
namespace {

constexpr std::array<std::pair<StoredContent, std::string_view>, 3> kNames = {
    {{StoredContent::kNone, "none"}, {StoredContent::kThumbnail, "thumbnail"}, {StoredContent::kOriginal, "original"}}};

}  // namespace

std::string_view stored_content_name(StoredContent content) {
  for (const auto& [value, name] : kNames) {
    if (value == content) return name;
  }
  return "none";
}

std::optional<StoredContent> stored_content_from_name(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

void check_settings(const CollectionSettings& settings) {
  if (!index::index_type_of(settings.index_type)) {
    throw std::invalid_argument("there is no index type \"" + settings.index_type +
                                "\": \"auto\", \"flat\", \"hnsw\" and \"ivf_pq\" are possible");
  }
}

std::string encode_settings(const CollectionSettings& settings) {
  return nlohmann::json{{"index", settings.index_type}, {"store", stored_content_name(settings.store)}}.dump();
}

CollectionSettings decode_settings(const std::string& text) {
  const auto json = nlohmann::json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("index") && json["index"].is_string() && json.contains("store") && json["store"].is_string()) {
    const auto content = stored_content_from_name(json["store"].get<std::string>());
    if (content) return {json["index"], *content};
  }
  throw CorruptionError("the collection's settings are damaged");
}

}  // namespace clipdex::engine
