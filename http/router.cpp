#include "http/router.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/errors.h"

namespace clipdex::http {
namespace {

constexpr const char* kHtml = "text/html";

constexpr std::array<Route, 25> kRoutes = {{
    {"GET",
     "/v1/collections",
     list_collections,
     {.id = "listCollections", .tag = "collections", .summary = "All collections", .answers = {{{200, "Collections"}}}}},
    {"PUT",
     "/v1/collections/{collection}",
     put_collection,
     {.id = "createCollection",
      .tag = "collections",
      .summary = "Make a collection, or find that it is there with the same settings",
      .body = "Settings",
      .answers = {{{200, "Collection"}, {201, "Collection"}}},
      .errors = {409, 422, 507}}},
    {"GET",
     "/v1/collections/{collection}",
     get_collection,
     {.id = "getCollection", .tag = "collections", .summary = "One collection", .answers = {{{200, "Collection"}}}, .errors = {404, 409}}},
    {"DELETE",
     "/v1/collections/{collection}",
     delete_collection,
     {.id = "dropCollection",
      .tag = "collections",
      .summary = "Drop a collection with all its images",
      .answers = {{{204, ""}}},
      .errors = {404, 409}}},
    {"POST",
     "/v1/collections/{collection}/images",
     post_images,
     {.id = "ingestImages",
      .tag = "images",
      .summary = "Store images; one result an image, in order",
      .body = "Images",
      .answers = {{{200, "IngestResults"}}},
      .errors = {404, 409, 422, 507}}},
    {"GET",
     "/v1/collections/{collection}/images",
     list_images,
     {.id = "listImages",
      .tag = "images",
      .summary = "A page of records in order of their ids",
      .query = {"limit", "cursor"},
      .answers = {{{200, "ImagePage"}}},
      .errors = {404, 409, 422}}},
    {"GET",
     "/v1/collections/{collection}/images/{id}",
     get_image,
     {.id = "getImage", .tag = "images", .summary = "One record", .answers = {{{200, "Image"}}}, .errors = {404, 409}}},
    {"PATCH",
     "/v1/collections/{collection}/images/{id}",
     patch_image,
     {.id = "patchImage",
      .tag = "images",
      .summary = "Change the metadata by a JSON merge patch (RFC 7396)",
      .body = "Patch",
      .answers = {{{200, "Image"}}},
      .errors = {404, 409, 422, 507}}},
    {"DELETE",
     "/v1/collections/{collection}/images/{id}",
     delete_image,
     {.id = "deleteImage", .tag = "images", .summary = "Delete one image", .answers = {{{204, ""}}}, .errors = {404, 409, 507}}},
    {"GET",
     "/v1/collections/{collection}/images/{id}/content",
     get_content,
     {.id = "getContent",
      .tag = "images",
      .summary = "The thumbnail, or the file that was ingested",
      .query = {"size"},
      .answers = {{{200, "", "image/*"}, {206, "", "image/*"}, {304, ""}}},
      .errors = {404, 409, 416, 422}}},
    {"POST",
     "/v1/collections/{collection}/known",
     post_known,
     {.id = "knownImages",
      .tag = "images",
      .summary = "Which of some images need not be sent: they are there with the same content and metadata",
      .body = "Known",
      .answers = {{{200, "KnownAnswer"}}},
      .errors = {404, 409, 422}}},
    {"POST",
     "/v1/collections/{collection}/search",
     post_search,
     {.id = "search",
      .tag = "search",
      .summary = "Find images by a text, a picture, an image of the collection or a vector; or run many searches",
      .body = "Search",
      .answers = {{{200, "SearchAnswer"}}},
      .errors = {404, 409, 422}}},
    {"POST",
     "/v1/classify",
     post_classify,
     {.id = "classify",
      .tag = "model",
      .summary = "Which of some labels a picture goes with",
      .body = "Classify",
      .answers = {{{200, "Classification"}}},
      .errors = {422}}},
    {"POST",
     "/v1/embeddings",
     post_embeddings,
     {.id = "embed",
      .tag = "model",
      .summary = "Embeddings of texts and pictures, in OpenAI's shape",
      .body = "Embed",
      .answers = {{{200, "Embeddings"}}},
      .errors = {404, 422}}},
    {"POST",
     "/v1/snapshots",
     post_snapshot,
     {.id = "createSnapshot",
      .tag = "server",
      .summary = "Make a snapshot of all collections within the data directory",
      .body = "NewSnapshot",
      .answers = {{{201, "Snapshot"}}},
      .errors = {409, 422, 507}}},
    {"GET",
     "/v1/snapshots",
     list_snapshots,
     {.id = "listSnapshots", .tag = "server", .summary = "Names of the snapshots there are", .answers = {{{200, "Snapshots"}}}}},
    {"DELETE",
     "/v1/snapshots/{snapshot}",
     delete_snapshot,
     {.id = "deleteSnapshot", .tag = "server", .summary = "Delete a snapshot", .answers = {{{204, ""}}}, .errors = {404, 422}}},
    {"GET", "/v1/info", get_info, {.id = "getInfo", .tag = "server", .summary = "Version, model and limits", .answers = {{{200, "Info"}}}}},
    {"GET", "/healthz", get_health, {.id = "getHealth", .tag = "server", .summary = "The process answers", .answers = {{{200, "Status"}}}}},
    {"GET",
     "/readyz",
     get_readiness,
     {.id = "getReadiness", .tag = "server", .summary = "The server takes requests", .answers = {{{200, "Status"}, {503, "Status"}}}}},
    {"GET",
     "/metrics",
     get_metrics,
     {.id = "getMetrics", .tag = "server", .summary = "Metrics in Prometheus' text format", .answers = {{{200, "", "text/plain"}}}}},
    {"GET",
     "/openapi.json",
     get_openapi,
     {.id = "getDescription", .tag = "server", .summary = "This document", .answers = {{{200, "Description"}}}}},
    {"GET", "/", get_page, {.id = "getPage", .tag = "page", .summary = "The page", .answers = {{{200, "", kHtml}}}, .any_query = true}},
    {"GET",
     "/web/{file}",
     get_page,
     {.id = "getPageFile",
      .tag = "page",
      .summary = "A script or a style sheet of the page",
      .answers = {{{200, "", "text/javascript"}}},
      .errors = {404},
      .any_query = true}},
    {"GET", "/favicon.ico", get_page, {.id = "getIcon", .tag = "page", .summary = "No icon", .answers = {{{204, ""}}}, .any_query = true}},
}};

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// Takes the first segment off the path. False if there is none left.
bool next_segment(std::optional<std::string_view>& path, std::string_view& segment) {
  if (!path) return false;
  const auto slash = path->find('/');
  segment = path->substr(0, slash);
  path = slash == std::string_view::npos ? std::nullopt : std::optional(path->substr(slash + 1));
  return true;
}

// Calls value(segment) for each {...} of a pattern that fits.
template <typename Value>
bool matches(std::string_view pattern, std::string_view path, const Value& value) {
  std::optional<std::string_view> pattern_left = pattern, path_left = path;
  std::string_view wanted, segment;
  while (next_segment(pattern_left, wanted)) {
    if (!next_segment(path_left, segment)) return false;
    if (!wanted.starts_with('{')) {
      if (wanted != segment) return false;
    } else if (segment.empty()) {
      return false;
    } else {
      value(segment);
    }
  }
  return !path_left;
}

bool matches(std::string_view pattern, std::string_view path) {
  return matches(pattern, path, [](std::string_view) {});
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

std::span<const Route> routes() { return kRoutes; }

const Route* find_route(std::string_view method, std::string_view target) {
  const auto path = path_of(target);
  for (const auto& route : kRoutes) {
    if (route.method == (method == "HEAD" ? "GET" : method) && matches(route.pattern, path)) return &route;
  }
  return nullptr;
}

void refuse_target(std::string_view target) {
  std::string allowed;
  for (const auto& route : kRoutes) {
    if (matches(route.pattern, path_of(target))) allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (allowed.empty()) throw HttpError(404, "not_found", "there is nothing here: see /openapi.json for the paths");
  throw HttpError(405, "method_not_allowed", "this path takes " + allowed, {{"allow", allowed}});
}

std::vector<std::string> path_values(const Route& route, std::string_view target) {
  std::vector<std::string> values;
  matches(route.pattern, path_of(target), [&](std::string_view segment) {
    auto value = percent_decode(segment);
    if (!value) throw malformed("the path has a broken percent-encoding");
    values.push_back(std::move(*value));
  });
  return values;
}

std::shared_ptr<engine::Collection> Call::collection() const {
  auto found = engine.collection(values.at(0));
  if (!found)
    throw HttpError(404, "collection_not_found", "there is no collection \"" + values[0] + "\": make it with PUT /v1/collections/NAME");
  return found;
}

json Call::json_body() const {
  if (body.multipart) throw malformed("this call takes JSON, not a multipart form");
  if (body.text.empty()) throw malformed("the body is empty: it must be a JSON object");
  return parse_json(body.text, options.json_depth_max);
}

void Call::allow_parameters(std::initializer_list<std::string_view> names) const {
  for (const auto& [name, value] : request.params) {
    if (std::find(names.begin(), names.end(), name) == names.end()) throw malformed("there is no query parameter \"" + name + "\" here");
  }
}

std::optional<std::size_t> Call::count_parameter(const std::string& name) const {
  if (!request.has_param(name)) return std::nullopt;
  const auto text = request.get_param_value(name);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw malformed("the query parameter \"" + name + "\" is not a whole number");
  return number;
}

void Call::answer(int status, const json& value) const {
  response.status = status;
  response.set_content(json_line(value), "application/json");
}

}  // namespace clipdex::http
