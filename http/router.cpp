#include "http/router.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/errors.h"

namespace clipdex::http {
namespace {

constexpr std::array<Route, 21> kRoutes = {{
    {"GET", "/v1/collections", list_collections},
    {"PUT", "/v1/collections/{}", put_collection},
    {"GET", "/v1/collections/{}", get_collection},
    {"DELETE", "/v1/collections/{}", delete_collection},
    {"POST", "/v1/collections/{}/images", post_images},
    {"GET", "/v1/collections/{}/images", list_images},
    {"GET", "/v1/collections/{}/images/{}", get_image},
    {"PATCH", "/v1/collections/{}/images/{}", patch_image},
    {"DELETE", "/v1/collections/{}/images/{}", delete_image},
    {"GET", "/v1/collections/{}/images/{}/content", get_content},
    {"POST", "/v1/collections/{}/known", post_known},
    {"POST", "/v1/collections/{}/search", post_search},
    {"POST", "/v1/classify", post_classify},
    {"POST", "/v1/embeddings", post_embeddings},
    {"GET", "/v1/info", get_info},
    {"GET", "/healthz", get_health},
    {"GET", "/readyz", get_readiness},
    {"GET", "/", get_page},
    {"GET", "/app.js", get_page},
    {"GET", "/style.css", get_page},
    {"GET", "/favicon.ico", get_page},
}};

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (true) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool matches(const std::vector<std::string_view>& pattern, const std::vector<std::string_view>& path) {
  return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                    [](auto wanted, auto segment) { return wanted == "{}" ? !segment.empty() : wanted == segment; });
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

Match find_route(std::string_view method, std::string_view target) {
  const auto path = split(target.substr(0, target.find('?')));
  std::string allowed;
  for (const auto& route : kRoutes) {
    const auto pattern = split(route.pattern);
    if (!matches(pattern, path)) continue;
    if (route.method != (method == "HEAD" ? "GET" : method)) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    Match match{route.handler, {}};
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != "{}") continue;
      auto value = percent_decode(path[i]);
      if (!value) throw malformed("the path has a broken percent-encoding");
      match.values.push_back(std::move(*value));
    }
    return match;
  }
  if (allowed.empty()) throw HttpError(404, "not_found", "there is nothing here: see /v1/info, and docs/api.md for the paths");
  throw HttpError(405, "method_not_allowed", "this path takes " + allowed, {{"allow", allowed}});
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
