#include "http/json_search.h"

#include <charconv>
#include <cmath>

#include "http/base64.h"
#include "http/errors.h"

namespace clipdex::http {
namespace {

// image: a picture that came beside the fields.
void set_query(const Fields& fields, std::optional<std::string> image, engine::SearchRequest& request) {
  int queries = 0;
  if (const auto text = fields.text("text")) {
    request.query = engine::TextQuery{*text};
    ++queries;
  }
  if (!image) image = fields.bytes("image");
  if (image) {
    request.query = engine::ImageQuery{std::move(*image)};
    ++queries;
  }
  if (const auto id = fields.text("id")) {
    request.query = engine::IdQuery{*id};
    ++queries;
  }
  if (auto vector = fields.numbers("vector")) {
    request.query = engine::VectorQuery{std::move(*vector)};
    ++queries;
  }
  if (queries != 1)
    throw malformed("a search has exactly one of \"text\", \"image\", \"id\" and \"vector\", and here are " + std::to_string(queries));
}

void set_includes(const json& include, const std::string& path, engine::SearchRequest& request) {
  if (!include.is_array()) throw malformed("\"" + path + "\" is not an array");
  request.include_metadata = false;
  for (const auto& name : include) {
    if (!name.is_string()) throw malformed("\"" + path + "\" is not an array of strings");
    if (name == "metadata") {
      request.include_metadata = true;
    } else if (name == "vector") {
      request.include_vector = true;
    } else {
      throw invalid_value("\"" + path + "\" may hold \"metadata\" and \"vector\", not \"" + name.get<std::string>() + "\"");
    }
  }
}

// A form's field as the JSON value it stands for.
json form_value(const Part& part) {
  if (part.name == "text" || part.name == "id") return part.content;
  if (part.name == "include") {
    json names = json::array();
    for (std::size_t at = 0; at <= part.content.size();) {
      const auto comma = std::min(part.content.find(',', at), part.content.size());
      names.push_back(part.content.substr(at, comma - at));
      at = comma + 1;
    }
    return names;
  }
  constexpr std::size_t kDepthMax = 2;
  try {
    return parse_json(part.content, kDepthMax);
  } catch (const HttpError&) {
    throw malformed("the form's field \"" + part.name + "\" is not a number, true, false or an array");
  }
}

json metadata_of(const engine::ImageRecord& record) {
  auto metadata = json::parse(record.metadata, /*callback=*/nullptr, /*allow_exceptions=*/false);
  return metadata.is_object() ? metadata : json::object();
}

}  // namespace

engine::SearchRequest parse_search(const Fields& fields, std::optional<std::string> image) {
  fields.allow({"text", "image", "id", "vector", "limit", "offset", "min_score", "exact", "include"});
  engine::SearchRequest request;
  set_query(fields, std::move(image), request);
  request.limit = fields.count("limit").value_or(request.limit);
  request.offset = fields.count("offset").value_or(request.offset);
  if (const auto score = fields.number("min_score")) request.min_score = static_cast<float>(*score);
  request.exact = fields.flag("exact").value_or(false);
  if (fields.has("include")) set_includes(fields["include"], fields.path("include"), request);
  return request;
}

engine::SearchRequest parse_search_form(Body body) {
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
  return parse_search(Fields(fields, ""), std::move(image));
}

json to_json(const engine::ImageRecord& record) {
  return {{"id", record.id},
          {"content_hash", record.content_hash},
          {"width", record.width},
          {"height", record.height},
          {"format", record.format},
          {"bytes", record.bytes},
          {"source", record.source},
          {"created_ms", record.created_ms},
          {"updated_ms", record.updated_ms},
          {"metadata", metadata_of(record)}};
}

json to_json(const engine::SearchResult& result, const engine::SearchRequest& request) {
  json hits = json::array();
  for (const auto& found : result.hits) {
    json hit = {{"id", found.record.id},
                {"score", shortest(found.score)},
                {"width", found.record.width},
                {"height", found.record.height},
                {"source", found.record.source}};
    if (request.include_metadata) hit["metadata"] = metadata_of(found.record);
    if (request.include_vector) hit["vector"] = shortest(found.vector);
    hits.push_back(std::move(hit));
  }
  const auto rounded = [](double ms) { return std::round(ms * 1000) / 1000; };
  return {{"hits", std::move(hits)},
          {"took_ms", {{"encode", rounded(result.encode_ms)}, {"search", rounded(result.search_ms)}, {"total", rounded(result.total_ms)}}}};
}

json to_json(const engine::SearchRequest& request) {
  json body = {{"limit", request.limit}, {"offset", request.offset}, {"exact", request.exact}};
  if (request.min_score) body["min_score"] = shortest(*request.min_score);
  if (request.include_vector || !request.include_metadata) {
    body["include"] = json::array();
    if (request.include_metadata) body["include"].push_back("metadata");
    if (request.include_vector) body["include"].push_back("vector");
  }
  if (const auto* text = std::get_if<engine::TextQuery>(&request.query)) body["text"] = text->text;
  if (const auto* image = std::get_if<engine::ImageQuery>(&request.query)) body["image"] = encode_base64(image->bytes);
  if (const auto* id = std::get_if<engine::IdQuery>(&request.query)) body["id"] = id->id;
  if (const auto* vector = std::get_if<engine::VectorQuery>(&request.query)) body["vector"] = vector->values;
  return body;
}

engine::ImageRecord parse_record(const json& value) {
  engine::ImageRecord record;
  record.id = value.at("id").get<std::string>();
  record.content_hash = value.value("content_hash", "");
  record.width = value.value("width", 0);
  record.height = value.value("height", 0);
  record.format = value.value("format", "");
  record.bytes = value.value("bytes", std::uint64_t{0});
  record.source = value.value("source", "");
  record.created_ms = value.value("created_ms", std::int64_t{0});
  record.updated_ms = value.value("updated_ms", std::int64_t{0});
  record.metadata = value.value("metadata", json::object()).dump();
  return record;
}

engine::SearchResult parse_search_result(const json& answer) {
  engine::SearchResult result;
  for (const auto& value : answer.at("hits")) {
    engine::SearchHit hit{.record = parse_record(value), .score = value.at("score").get<float>(), .vector = {}};
    if (value.contains("vector")) hit.vector = value["vector"].get<std::vector<float>>();
    result.hits.push_back(std::move(hit));
  }
  const auto& took = answer.at("took_ms");
  result.encode_ms = took.at("encode");
  result.search_ms = took.at("search");
  result.total_ms = took.at("total");
  return result;
}

}  // namespace clipdex::http
