// Ingest requests and collections between JSON, forms and the engine's types. Private to http/.
#pragma once

#include <vector>

#include "engine/collection.h"
#include "engine/known_images.h"
#include "http/body.h"
#include "http/json_fields.h"

namespace clipdex::http {

// {"images":[{"id"?,"data": base64,"metadata"?,"source"?}]}. At most `images_max`, else 413.
std::vector<engine::IngestItem> parse_ingest(const Fields& fields, std::size_t images_max);
// Each part with a file name is an image; a part named "metadata" is a JSON object by file name. The same limit.
std::vector<engine::IngestItem> parse_ingest_form(Body body, std::size_t images_max, std::size_t depth_max);
// {"images":[{"id","content_hash","metadata"?}]}. The same limit.
std::vector<engine::ImageVersion> parse_versions(const Fields& fields, std::size_t images_max);

json to_json(const engine::IngestResult& result);
json to_json(const engine::CollectionStatistics& statistics);
json to_json(const engine::CollectionSettings& settings);
engine::CollectionSettings parse_settings(const Fields& fields);

// The client's side.
json to_json(std::span<const engine::IngestItem> items);
json to_json(std::span<const engine::ImageVersion> versions);
engine::IngestResult parse_ingest_result(const json& value);
engine::CollectionStatistics parse_statistics(const json& value);

}  // namespace clipdex::http
