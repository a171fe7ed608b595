#include "http/json_ingest.h"

#include <algorithm>

#include "http/base64.h"
#include "http/errors.h"

namespace clipdex::http {
namespace {

void check_count(std::size_t images, std::size_t images_max) {
  if (images <= images_max) return;
  throw HttpError(413, "too_many_images",
                  "the request has " + std::to_string(images) + " images, and " + std::to_string(images_max) + " are the limit");
}

}  // namespace

std::vector<engine::IngestItem> parse_ingest(const Fields& fields, std::size_t images_max) {
  fields.allow({"images"});
  if (!fields.has("images") || !fields["images"].is_array()) throw malformed("\"images\" is not an array");
  const auto& images = fields["images"];
  check_count(images.size(), images_max);
  std::vector<engine::IngestItem> items;
  items.reserve(images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Fields image(images[i], "images[" + std::to_string(i) + "]");
    image.allow({"id", "data", "metadata", "source"});
    auto bytes = image.bytes("data");
    if (!bytes) throw malformed("\"" + image.path("data") + "\" is missing: it is the picture's file in base64");
    engine::IngestItem item{
        .id = image.text("id"), .bytes = std::move(*bytes), .source = image.text("source").value_or(""), .metadata = {}};
    if (image.has("metadata")) item.metadata = image["metadata"].dump();
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<engine::IngestItem> parse_ingest_form(Body body, std::size_t images_max, std::size_t depth_max) {
  json metadata = json::object();
  std::vector<engine::IngestItem> items;
  for (auto& part : body.parts) {
    if (!part.filename.empty()) {
      items.push_back({.id = {}, .bytes = std::move(part.content), .source = std::move(part.filename), .metadata = {}});
    } else if (part.name == "metadata") {
      metadata = parse_json(part.content, depth_max);
      if (!metadata.is_object()) throw malformed("the form's field \"metadata\" is not a JSON object by file name");
    } else {
      throw malformed("the form's field \"" + part.name +
                      "\" has no file name: images are sent as files, and \"metadata\" is the one other field");
    }
  }
  if (items.empty()) throw malformed("the form has no files");
  check_count(items.size(), images_max);
  for (const auto& [name, value] : metadata.items()) {
    bool used = false;
    for (auto& item : items) {
      if (item.source != name) continue;
      item.metadata = value.dump();
      used = true;
    }
    if (!used) throw malformed("the form's metadata names \"" + name + "\", and no file is called that");
  }
  return items;
}

std::vector<engine::ImageVersion> parse_versions(const Fields& fields, std::size_t images_max) {
  fields.allow({"images"});
  if (!fields.has("images") || !fields["images"].is_array()) throw malformed("\"images\" is not an array");
  const auto& images = fields["images"];
  check_count(images.size(), images_max);
  std::vector<engine::ImageVersion> versions;
  versions.reserve(images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Fields image(images[i], "images[" + std::to_string(i) + "]");
    image.allow({"id", "content_hash", "metadata"});
    auto id = image.text("id"), hash = image.text("content_hash");
    if (!id || !hash) throw malformed("\"" + image.path(id ? "content_hash" : "id") + "\" is missing");
    engine::ImageVersion version{.id = std::move(*id), .content_hash = std::move(*hash), .metadata = {}};
    if (image.has("metadata")) version.metadata = image["metadata"].dump();
    versions.push_back(std::move(version));
  }
  return versions;
}

json to_json(const engine::IngestResult& result) {
  json value = {{"status", engine::ingest_status_name(result.status)}, {"id", nullptr}};
  if (!result.id.empty()) value["id"] = result.id;
  if (!result.source.empty()) value["source"] = result.source;
  if (result.status == engine::IngestStatus::kFailed) value["error"] = {{"code", result.error_code}, {"message", result.error}};
  return value;
}

json to_json(const engine::CollectionSettings& settings) {
  return {{"index", settings.index_type}, {"store", engine::stored_content_name(settings.store)}};
}

json to_json(const engine::CollectionStatistics& s) {
  return {{"name", s.name},
          {"images", s.images},
          {"dimension", s.dimension},
          {"model", {{"name", s.model_name}, {"fingerprint", s.model_fingerprint}}},
          {"settings", to_json(s.settings)},
          {"created_ms", s.created_ms},
          {"disk_bytes", s.disk_bytes},
          {"index",
           {{"memory_bytes", s.index_memory_bytes},
            {"deleted", s.index_deleted},
            {"buffered", s.index_buffered},
            {"segments", s.index_segments},
            {"types", s.index_types},
            {"device_bytes", s.index_device_bytes},
            {"mapped_bytes", s.index_mapped_bytes},
            {"explanation", s.index_explanation}}}};
}

engine::CollectionSettings parse_settings(const Fields& fields) {
  fields.allow({"index", "store"});
  engine::CollectionSettings settings;
  settings.index_type = fields.text("index").value_or(settings.index_type);
  if (const auto name = fields.text("store")) {
    const auto store = engine::stored_content_from_name(*name);
    if (!store) throw invalid_value("\"store\" is \"" + *name + "\", and none, thumbnail and original are possible");
    settings.store = *store;
  }
  return settings;
}

json to_json(std::span<const engine::IngestItem> items) {
  json images = json::array();
  for (const auto& item : items) {
    json image = {{"data", encode_base64(item.bytes)}, {"source", item.source}};
    if (item.id) image["id"] = *item.id;
    if (item.metadata) image["metadata"] = json::parse(*item.metadata);
    images.push_back(std::move(image));
  }
  return {{"images", std::move(images)}};
}

json to_json(std::span<const engine::ImageVersion> versions) {
  json images = json::array();
  for (const auto& version : versions) {
    json image = {{"id", version.id}, {"content_hash", version.content_hash}};
    if (version.metadata) image["metadata"] = json::parse(*version.metadata);
    images.push_back(std::move(image));
  }
  return {{"images", std::move(images)}};
}

engine::IngestResult parse_ingest_result(const json& value) {
  engine::IngestResult result;
  result.status = engine::ingest_status_from_name(value.at("status").get<std::string>()).value_or(engine::IngestStatus::kFailed);
  if (value.contains("id") && value["id"].is_string()) result.id = value["id"];
  result.source = value.value("source", "");
  if (value.contains("error")) {
    result.error_code = value["error"].at("code");
    result.error = value["error"].at("message");
  }
  return result;
}

engine::CollectionStatistics parse_statistics(const json& value) {
  engine::CollectionStatistics s;
  s.name = value.at("name");
  s.images = value.at("images");
  s.dimension = value.at("dimension");
  s.model_name = value.at("model").at("name");
  s.model_fingerprint = value.at("model").at("fingerprint");
  s.settings = parse_settings(Fields(value.at("settings"), "settings"));
  s.created_ms = value.at("created_ms");
  s.disk_bytes = value.at("disk_bytes");
  const auto& index = value.at("index");
  s.index_memory_bytes = index.at("memory_bytes");
  s.index_deleted = index.at("deleted");
  s.index_buffered = index.at("buffered");
  s.index_segments = index.at("segments");
  s.index_types = index.value("types", std::map<std::string, std::uint64_t>());
  s.index_device_bytes = index.value("device_bytes", std::uint64_t{0});
  s.index_mapped_bytes = index.value("mapped_bytes", std::uint64_t{0});
  s.index_explanation = index.value("explanation", "");
  return s;
}

}  // namespace clipdex::http
