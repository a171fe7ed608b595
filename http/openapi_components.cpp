#include "engine/engine.h"
#include "http/openapi.h"
#include "http/server.h"

namespace clipdex::http {
namespace {

json reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }
json array_of(json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
json with(json schema, const json& more) {
  schema.update(more);
  return schema;
}

const json kText = {{"type", "string"}};
const json kCount = {{"type", "integer"}, {"minimum", 0}};
const json kNumber = {{"type", "number"}};
const json kFlag = {{"type", "boolean"}};
const json kMilliseconds = {{"type", "number"}, {"minimum", 0}};
const json kAnyObject = {{"type", "object"}};
const json kPicture = {{"type", "string"},
                       {"contentEncoding", "base64"},
                       {"contentMediaType", "application/octet-stream"},
                       {"pattern", "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"},
                       {"minLength", 4},
                       {"description", "A picture's file"}};
constexpr const char* kNamePattern = "^[a-z0-9][a-z0-9_-]{0,63}$";  // a collection's, and a snapshot's
const json kTextOrNull = {{"type", {"string", "null"}}};

// An object with these properties, all of them there, and no others.
json exactly(json properties) {
  json required = json::array();
  for (const auto& [name, schema] : properties.items()) required.push_back(name);
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}, {"additionalProperties", false}};
}

// The same, with some of them optional.
json exactly(json properties, const json& optional) {
  auto schema = exactly(std::move(properties));
  schema["properties"].update(optional);
  return schema;
}

void add_collections(json& schemas) {
  schemas["Settings"] =
      exactly(json::object(), {{"index", {{"enum", {"auto", "flat", "hnsw", "ivf_pq", nullptr}}, {"default", "auto"}}},
                               {"store", {{"enum", {"none", "thumbnail", "original", nullptr}}, {"default", "thumbnail"}}}});
  schemas["Collection"] = with(
      exactly(
          {{"name", reference("CollectionName")},
           {"images", kCount},
           {"dimension", kCount},
           {"model", exactly({{"name", kText}, {"fingerprint", kText}})},
           {"settings",
            {{"type", "object"},
             {"properties",
              {{"index", {{"enum", {"auto", "flat", "hnsw", "ivf_pq"}}}}, {"store", {{"enum", {"none", "thumbnail", "original"}}}}}},
             {"required", {"index", "store"}}}},
           {"created_ms", kCount},
           {"disk_bytes", kCount},
           {"index",
            {{"type", "object"},
             {"properties",
              {{"memory_bytes", kCount},
               {"deleted", kCount},
               {"buffered", kCount},
               {"segments", kCount},
               {"types", {{"type", "object"}, {"additionalProperties", kCount}}},
               {"device_bytes", with(kCount, {{"description", "Of a GPU's memory"}})},
               {"mapped_bytes", kCount},
               {"explanation", kText}}},
             {"required", {"memory_bytes", "deleted", "buffered", "segments", "types", "device_bytes", "mapped_bytes", "explanation"}}}}}),
      {{"additionalProperties", true}});
  schemas["CollectionName"] = {{"type", "string"}, {"pattern", kNamePattern}};
  schemas["Collections"] =
      exactly({{"collections", array_of(reference("Collection"))}, {"unusable", array_of(exactly({{"name", kText}, {"reason", kText}}))}});
}

void add_images(json& schemas, const ServerOptions& options) {
  schemas["ImageId"] = {
      {"type", "string"}, {"minLength", 1}, {"maxLength", 512}, {"description", "1 to 512 bytes of UTF-8 without control characters"}};
  schemas["NewImage"] =
      exactly({{"data", kPicture}}, {{"id", with(kTextOrNull, {{"description", "Without one, the content's hash"}})},
                                     {"metadata", {{"description", "A JSON object of at most 64 KiB; other values fail this image alone"}}},
                                     {"source", kTextOrNull}});
  schemas["NewImages"] = exactly({{"images", with(array_of(reference("NewImage")), {{"maxItems", options.images_per_request_max}})}});
  schemas["IngestResult"] = exactly({{"status", {{"enum", {"created", "updated", "unchanged", "failed"}}}}, {"id", kTextOrNull}},
                                    {{"source", kText}, {"error", exactly({{"code", kText}, {"message", kText}})}});
  schemas["IngestResults"] = exactly({{"results", array_of(reference("IngestResult"))}});
  schemas["Image"] = exactly({{"id", reference("ImageId")},
                              {"content_hash", {{"type", "string"}, {"pattern", "^[0-9a-f]{32}$"}}},
                              {"width", kCount},
                              {"height", kCount},
                              {"format", kText},
                              {"bytes", kCount},
                              {"source", kText},
                              {"created_ms", kCount},
                              {"updated_ms", kCount},
                              {"metadata", kAnyObject}});
  json versions = array_of(exactly({{"id", kText}, {"content_hash", kText}}, {{"metadata", kAnyObject}}));
  versions["maxItems"] = options.images_per_request_max;
  schemas["Known"] = exactly({{"images", std::move(versions)}});
  schemas["KnownAnswer"] = exactly({{"known", array_of(kFlag)}});
  schemas["ImagePage"] = exactly({{"images", array_of(reference("Image"))}, {"next_cursor", kTextOrNull}});
}

void add_search(json& schemas) {
  std::string window = "limit + offset are at most ";
  window += std::to_string(engine::kSearchWindowMax);
  const json options = {
      {"limit", {{"type", {"integer", "null"}}, {"minimum", 1}, {"maximum", engine::kSearchLimitMax}, {"default", 10}}},
      {"offset",
       {{"type", {"integer", "null"}}, {"minimum", 0}, {"maximum", engine::kSearchWindowMax - 1}, {"default", 0}, {"description", window}}},
      {"min_score", {{"type", {"number", "null"}}, {"description", "Least cosine"}}},
      {"exact", {{"type", {"boolean", "null"}}, {"default", false}, {"description", "Scan everything"}}},
      {"include",
       {{"type", {"array", "null"}}, {"items", {{"enum", json::array({"metadata", "vector"})}}}, {"default", json::array({"metadata"})}}}};
  json queries = json::array();
  const json query = {{"text", kText},
                      {"image", kPicture},
                      {"id", kText},
                      {"vector", with(array_of(kNumber), {{"description", "As many numbers as the model has dimensions"}})}};
  for (const auto& [name, schema] : query.items()) {
    json one = exactly({{name, schema}}, options);
    for (const auto& [other, unused] : query.items()) {
      if (other != name) one["properties"][other] = {{"type", "null"}};
    }
    queries.push_back(std::move(one));
  }
  schemas["SearchQuery"] = {{"description", "Exactly one of text, image, id and vector"}, {"oneOf", std::move(queries)}};
  schemas["SearchRequest"] = {{"anyOf", {reference("SearchQuery"), reference("SearchRequests")}}};
  schemas["SearchRequests"] =
      exactly({{"searches", with(array_of(json::object()), {{"maxItems", 100},
                                                            {"description",
                                                             "Each a SearchQuery; one that is none fails by itself. Together at most 5,000 "
                                                             "hits, and 2,000,000 numbers of their vectors"}})}});
  schemas["Hit"] = exactly({{"id", reference("ImageId")}, {"score", kNumber}, {"width", kCount}, {"height", kCount}, {"source", kText}},
                           {{"metadata", kAnyObject}, {"vector", array_of(kNumber)}});
  schemas["SearchResult"] =
      exactly({{"hits", array_of(reference("Hit"))},
               {"took_ms", exactly({{"encode", kMilliseconds}, {"search", kMilliseconds}, {"total", kMilliseconds}})}});
  schemas["SearchFailure"] =
      exactly({{"error", exactly({{"code", kText}, {"message", kText}, {"details", json::object()}, {"status", kCount}})}});
  schemas["SearchResults"] = exactly({{"results", array_of({{"oneOf", {reference("SearchResult"), reference("SearchFailure")}}})}});
  schemas["SearchAnswer"] = {{"oneOf", {reference("SearchResult"), reference("SearchResults")}}};
}

void add_model(json& schemas, const engine::Engine& engine) {
  constexpr const char* kOnePlace = R"(^((?!\{\})[\s\S])*\{\}((?!\{\})[\s\S])*$)";
  const std::string prompts = "Labels times templates are at most " + std::to_string(engine::kServedPromptsMax);
  schemas["ClassifyRequest"] =
      exactly({{"image", kPicture},
               {"labels", with(array_of({{"type", "string"}, {"minLength", 1}, {"maxLength", engine::kLabelBytesMax}}),
                               {{"minItems", 1},
                                {"maxItems", engine::kServedPromptsMax},
                                {"uniqueItems", true},
                                {"description", prompts + "; a label has at most " + std::to_string(engine::kLabelBytesMax) + " bytes"}})}},
              {{"templates",
                {{"description", "Each has {} once, and at most " + std::to_string(engine::kLabelBytesMax) + " bytes; or a set's name"},
                 {"anyOf",
                  {{{"enum", {"photo", "plain", "openai-7", "openai-80", nullptr}}},
                   with(array_of({{"type", "string"}, {"pattern", kOnePlace}, {"maxLength", engine::kLabelBytesMax}}),
                        {{"minItems", 1}, {"maxItems", engine::kServedPromptsMax}})}}}},
               {"top", {{"type", {"integer", "null"}}, {"minimum", 1}}}});
  schemas["Classification"] = exactly(
      {{"labels",
        array_of(exactly({{"label", kText}, {"probability", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}}, {"score", kNumber}}))},
       {"took_ms", exactly({{"labels", kMilliseconds}, {"encode", kMilliseconds}, {"total", kMilliseconds}})}});
  const json element = {{"anyOf",
                         {kText, exactly({{"text", kText}}, {{"image", {{"type", "null"}}}}),
                          exactly({{"image", kPicture}}, {{"text", {{"type", "null"}}}})}}};
  schemas["EmbedInput"] = element;
  schemas["EmbedRequest"] = exactly(
      {{"input", {{"anyOf", {reference("EmbedInput"), with(array_of(reference("EmbedInput")), {{"minItems", 1}, {"maxItems", 2048}})}}}}},
      {{"model", {{"enum", {engine.encoder().info().name, nullptr}}}},
       {"encoding_format", {{"enum", {"float", "base64", nullptr}}, {"default", "float"}}},
       {"dimensions", {{"enum", {engine.encoder().dimension(), nullptr}}}},
       {"user", {{"description", "Taken and ignored"}}}});
  schemas["Embeddings"] = exactly(
      {{"object", {{"const", "list"}}},
       {"data", array_of(exactly({{"object", {{"const", "embedding"}}},
                                  {"index", kCount},
                                  {"embedding", {{"anyOf", {array_of(kNumber), {{"type", "string"}, {"contentEncoding", "base64"}}}}}}}))},
       {"model", kText},
       {"usage", exactly({{"prompt_tokens", kCount}, {"total_tokens", kCount}})}});
}

void add_server(json& schemas) {
  schemas["Status"] = exactly({{"status", kText}});
  schemas["Info"] = exactly({{"name", {{"const", "clipdex"}}},
                             {"version", kText},
                             {"model", exactly({{"name", kText},
                                                {"architecture", kText},
                                                {"dimension", kCount},
                                                {"parameters", kCount},
                                                {"fingerprint", kText},
                                                {"texts", with(kFlag, {{"description", "The model has a tokenizer"}})},
                                                {"device", with(kText, {{"description", "Where it computes: cpu, cuda:0"}})},
                                                {"precision", with(kText, {{"description", "fp32, fp16 or bf16"}})}})},
                             {"limits", {{"type", "object"}, {"additionalProperties", kCount}}},
                             {"collections", kCount}});
  schemas["NewSnapshot"] =
      exactly(json::object(), {{"name", with(kTextOrNull, {{"pattern", kNamePattern}, {"description", "Without one, the time"}})}});
  schemas["Snapshot"] =
      exactly({{"name", kText}, {"path", kText}, {"collections", kCount}, {"images", kCount}, {"bytes", kCount}, {"took_ms", kNumber}});
  schemas["Snapshots"] = exactly({{"snapshots", array_of(kText)}});
  schemas["Description"] = {{"type", "object"}, {"required", {"openapi", "info", "paths", "components"}}};
  schemas["Error"] = exactly({{"error", exactly({{"code", {{"type", "string"}, {"pattern", "^[a-z_]+$"}}},
                                                 {"message", kText},
                                                 {"details", {{"description", "null, or an object of the code's own"}}}})}});
}

json form(json properties, const json& required) {
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", required}, {"additionalProperties", false}};
}

json request_bodies(const ServerOptions& options) {
  const json file = {{"type", "string"}, {"contentMediaType", "application/octet-stream"}};
  const auto body = [&](bool required, const json& json_schema, const json& form_schema) {
    json value = {{"required", required},
                  {"description", "At most " + std::to_string(options.body_bytes_max) + " bytes, after decompression"}};
    value["content"]["application/json"]["schema"] = json_schema;
    if (!form_schema.is_null()) value["content"]["multipart/form-data"]["schema"] = form_schema;
    return value;
  };
  return {
      {"Settings", body(false, reference("Settings"), nullptr)},
      {"Images", body(true, reference("NewImages"),
                      form({{"files", with(array_of(file), {{"minItems", 1}, {"description", "Parts of any name that have a file name"}})},
                            {"metadata", with(kAnyObject, {{"description", "Metadata by file name"}})}},
                           {"files"}))},
      {"Patch", body(true, kAnyObject, nullptr)},
      {"Known", body(true, reference("Known"), nullptr)},
      {"NewSnapshot", body(false, reference("NewSnapshot"), nullptr)},
      {"Search", body(true, reference("SearchRequest"),
                      form({{"image", file},
                            {"limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", engine::kSearchLimitMax}}},
                            {"offset", {{"type", "integer"}, {"minimum", 0}, {"maximum", engine::kSearchWindowMax - 1}}},
                            {"min_score", kNumber},
                            {"exact", kFlag},
                            {"include", {{"type", "string"}, {"pattern", "^(metadata|vector)(,(metadata|vector))*$"}}}},
                           {"image"}))},
      {"Classify", body(true, reference("ClassifyRequest"),
                        form({{"image", file},
                              {"labels", with(kText, {{"minLength", 1}, {"description", "With commas between them, or a JSON array"}})},
                              {"templates", kText},
                              {"top", {{"type", "integer"}, {"minimum", 1}}}},
                             {"image", "labels"}))},
      {"Embed", body(true, reference("EmbedRequest"), nullptr)}};
}

json parameters() {
  const auto parameter = [](const char* in, const char* name, bool required, json schema, const char* description) {
    return json{{"in", in}, {"name", name}, {"required", required}, {"schema", std::move(schema)}, {"description", description}};
  };
  return {
      {"collection", parameter("path", "collection", true, reference("CollectionName"), "The collection's name")},
      {"id", parameter("path", "id", true, reference("ImageId"), "The image's id, percent-encoded, \"/\" included")},
      {"file", parameter("path", "file", true, kText, "The file's name")},
      {"snapshot", parameter("path", "snapshot", true, reference("CollectionName"), "The snapshot's name")},
      {"limit", parameter("query", "limit", false, {{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}, {"default", 100}},
                          "Records of a page; fewer where their metadata are over 16 MiB together")},
      {"cursor", parameter("query", "cursor", false, {{"type", "string"}, {"pattern", "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2,3})?$"}},
                           "next_cursor of the page before")},
      {"size", parameter("query", "size", false, {{"enum", {"thumbnail", "original"}}, {"default", "thumbnail"}}, "What of the image")}};
}

}  // namespace

json openapi_components(const ServerOptions& options, const engine::Engine& engine) {
  json schemas = json::object();
  add_collections(schemas);
  add_images(schemas, options);
  add_search(schemas);
  add_model(schemas, engine);
  add_server(schemas);
  return {{"schemas", std::move(schemas)},
          {"parameters", parameters()},
          {"requestBodies", request_bodies(options)},
          {"headers",
           {{"RequestId", {{"schema", kText}, {"description", "The caller's X-Request-Id, or a new one"}}},
            {"RetryAfter", {{"schema", kCount}, {"description", "Seconds"}}},
            {"Allow", {{"schema", kText}, {"description", "The path's methods"}}}}}};
}

}  // namespace clipdex::http
