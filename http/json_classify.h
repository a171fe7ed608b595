// Classifications between JSON and the engine's types. Private to http/.
#pragma once

#include <optional>
#include <string>

#include "engine/engine.h"
#include "http/body.h"
#include "http/json_fields.h"

namespace clipdex::http {

struct ClassifyCall {
  std::string image;  // the file
  engine::LabelSet set;
  std::size_t top = 0;  // 0: all
};

// image: the file of a form's part, which stands for the field of that name.
ClassifyCall parse_classify(const Fields& fields, std::optional<std::string> image = {});
// A form: an `image` part that is a file, `labels` with commas between them or as a JSON array, `templates` as a name or a JSON array.
ClassifyCall parse_classify_form(Body body);

json to_json(const std::vector<engine::LabelProbability>& labels);
json to_json(const engine::ClassificationResult& result);

// The client's side.
json to_json(const ClassifyCall& call);
engine::ClassificationResult parse_classification(const json& answer);

}  // namespace clipdex::http
