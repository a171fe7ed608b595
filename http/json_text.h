// The REST answers' JSON of the engine's types, as text: for the command line's --json, so that both speak alike.
#pragma once

#include <string>

#include "engine/classification.h"
#include "engine/collection.h"

namespace clipdex::http {

// Each returns one line without a newline, UTF-8.
std::string to_json_text(const engine::ImageRecord& record);
std::string to_json_text(const engine::SearchHit& hit);
std::string to_json_text(const engine::IngestResult& result);
std::string to_json_text(const engine::CollectionStatistics& statistics);
// An array.
std::string to_json_text(const std::vector<engine::LabelProbability>& labels);

}  // namespace clipdex::http
