#include "http/json_classify.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "http/base64.h"
#include "http/errors.h"

namespace clipdex::http {
namespace {

std::vector<std::string> strings(const Fields& fields, std::string_view name) {
  const auto& value = fields[name];
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), [](const auto& element) { return element.is_string(); }))
    throw malformed("\"" + fields.path(name) + "\" is not an array of strings");
  return value.get<std::vector<std::string>>();
}

// A form's field as the JSON value it stands for.
json form_value(const Part& part) {
  constexpr std::size_t kDepthMax = 2;
  const bool array = part.content.starts_with('[');
  if (part.name == "labels" && !array) return engine::split_labels(part.content, ',');
  if (part.name == "templates" && !array) return part.content;
  try {
    return parse_json(part.content, kDepthMax);
  } catch (const HttpError&) {
    throw malformed("the form's field \"" + part.name + "\" is not a number or a JSON array");
  }
}

}  // namespace

ClassifyCall parse_classify(const Fields& fields, std::optional<std::string> image) {
  fields.allow({"image", "labels", "templates", "top"});
  if (!image) image = fields.bytes("image");
  if (!image) throw malformed("\"image\" is missing: a picture in base64, or a form's part that is a file");
  if (!fields.has("labels")) throw malformed("\"labels\" is missing: an array of strings");
  ClassifyCall call{.image = std::move(*image), .set = {.labels = strings(fields, "labels"), .templates = {}}};
  if (fields.has("templates") && !fields["templates"].is_string()) {
    call.set.templates = strings(fields, "templates");
  } else {
    call.set.templates = engine::named_templates(fields.text("templates").value_or(std::string(engine::kDefaultTemplates)));
  }
  if (const auto top = fields.count("top")) {
    if (*top == 0) throw invalid_value("\"top\" is 0: ask for at least one label, or leave it out for all");
    call.top = *top;
  }
  return call;
}

ClassifyCall parse_classify_form(Body body) {
  json fields = json::object();
  std::optional<std::string> image;
  for (auto& part : body.parts) {
    if (part.name == "image" && !image) {
      image = std::move(part.content);
    } else if (fields.contains(part.name) || part.name == "image") {
      throw malformed("the form's field \"" + part.name + "\" is there twice");
    } else {
      fields[part.name] = form_value(part);
    }
  }
  return parse_classify(Fields(fields, ""), std::move(image));
}

json to_json(const std::vector<engine::LabelProbability>& labels) {
  json all = json::array();
  for (const auto& label : labels) {
    all.push_back(
        {{"label", label.label}, {"probability", shortest(static_cast<float>(label.probability))}, {"score", shortest(label.score)}});
  }
  return all;
}

json to_json(const engine::ClassificationResult& result) {
  const auto rounded = [](double ms) { return std::round(ms * 1000) / 1000; };
  return {{"labels", to_json(result.labels)},
          {"took_ms", {{"labels", rounded(result.labels_ms)}, {"encode", rounded(result.encode_ms)}, {"total", rounded(result.total_ms)}}}};
}

json to_json(const ClassifyCall& call) {
  json body = {{"image", encode_base64(call.image)}, {"labels", call.set.labels}, {"templates", call.set.templates}};
  if (call.top > 0) body["top"] = call.top;
  return body;
}

engine::ClassificationResult parse_classification(const json& answer) {
  engine::ClassificationResult result;
  for (const auto& value : answer.at("labels")) {
    result.labels.push_back({.label = value.at("label").get<std::string>(),
                             .probability = value.at("probability").get<double>(),
                             .score = value.at("score").get<float>()});
  }
  const auto& took = answer.at("took_ms");
  result.labels_ms = took.at("labels");
  result.encode_ms = took.at("encode");
  result.total_ms = took.at("total");
  return result;
}

}  // namespace clipdex::http
