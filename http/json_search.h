// Searches between JSON and the engine's types. Private to http/.
#pragma once

#include <optional>
#include <string>

#include "engine/search.h"
#include "http/body.h"
#include "http/json_fields.h"

namespace clipdex::http {

// image: the file of a form's part, which stands for the field of that name.
engine::SearchRequest parse_search(const Fields& fields, std::optional<std::string> image = {});
// A form: an `image` part that is a file, other fields as text.
engine::SearchRequest parse_search_form(Body body);

json to_json(const engine::SearchResult& result, const engine::SearchRequest& request);
json to_json(const engine::ImageRecord& record);

// The client's side.
json to_json(const engine::SearchRequest& request);
engine::SearchResult parse_search_result(const json& answer);
engine::ImageRecord parse_record(const json& value);

}  // namespace clipdex::http
