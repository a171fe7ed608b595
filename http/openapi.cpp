#include "http/openapi.h"

#include <algorithm>
#include <set>

#include "http/router.h"

namespace clipdex::http {
namespace {

json reference(const std::string& where, std::string_view name) { return {{"$ref", "#/components/" + where + "/" + std::string(name)}}; }

std::string_view meaning(int status) {
  switch (status) {
    case 200:
      return "Done";
    case 201:
      return "Made";
    case 204:
      return "Done; no content";
    case 206:
      return "The range that was asked for";
    case 304:
      return "As the ETag says";
    case 400:
      return "Malformed: no JSON, a wrong type, an unknown field or parameter";
    case 403:
      return "Sent by another site's page";
    case 404:
      return "No such collection, image, content or model";
    case 405:
      return "The path has other methods";
    case 408:
      return "The request took too long to arrive";
    case 409:
      return "Contradicts the state";
    case 413:
      return "Over a limit";
    case 415:
      return "A picture or a compression that is not read";
    case 416:
      return "The content has no such range";
    case 422:
      return "A value that cannot be";
    case 500:
      return "The server's fault";
    case 503:
      return "Overloaded: try again after Retry-After, or the server stops";
    case 507:
      return "The disk is full; nothing was stored";
    default:
      return "See the body";
  }
}

json answer(const Answer& described) {
  json value = {{"description", meaning(described.status)}, {"headers", {{"X-Request-Id", reference("headers", "RequestId")}}}};
  if (!described.schema.empty()) {
    value["content"][std::string(described.media)]["schema"] = reference("schemas", described.schema);
  } else if (described.status != 204 && described.status != 304) {
    value["content"][std::string(described.media)] = json::object();
  }
  return value;
}

std::set<int> errors_of(const Route& route) {
  std::set<int> errors = {400, 405, 500, 503};
  if (route.method != "GET") errors.insert(403);
  if (route.method != "GET") errors.insert({408, 413, 415});
  for (const int status : route.operation.errors) {
    if (status != 0) errors.insert(status);
  }
  return errors;
}

json path_parameters(std::string_view pattern) {
  json parameters = json::array();
  for (auto begin = pattern.find('{'); begin != std::string_view::npos; begin = pattern.find('{', begin + 1))
    parameters.push_back(reference("parameters", pattern.substr(begin + 1, pattern.find('}', begin) - begin - 1)));
  return parameters;
}

json operation(const Route& route) {
  const auto& described = route.operation;
  json value = {{"operationId", described.id}, {"tags", {described.tag}}, {"summary", described.summary}, {"parameters", json::array()}};
  for (const auto name : described.query) {
    if (!name.empty()) value["parameters"].push_back(reference("parameters", name));
  }
  if (!described.body.empty()) value["requestBody"] = reference("requestBodies", described.body);
  json answers = json::object();
  for (const int status : errors_of(route)) {
    answers[std::to_string(status)] = {{"description", meaning(status)},
                                       {"headers", {{"X-Request-Id", reference("headers", "RequestId")}}},
                                       {"content", {{"application/json", {{"schema", reference("schemas", "Error")}}}}}};
    if (status == 503) answers["503"]["headers"]["Retry-After"] = reference("headers", "RetryAfter");
    if (status == 405) answers["405"]["headers"]["Allow"] = reference("headers", "Allow");
  }
  answers["default"] = {{"description",
                         "Any other error, such as what is refused before the path is looked at: 408 (too slow), 414 and 431 (too long a "
                         "request line, too long headers), 416 (a Range that is none)"},
                        {"headers", {{"X-Request-Id", reference("headers", "RequestId")}}},
                        {"content", {{"application/json", {{"schema", reference("schemas", "Error")}}}}}};
  for (const auto& described_answer : described.answers) {
    if (described_answer.status == 0) continue;
    const auto key = std::to_string(described_answer.status);
    const bool also_error = answers.contains(key);
    auto content = answer(described_answer);
    if (also_error) {
      content["content"]["application/json"]["schema"] = {
          {"anyOf", {reference("schemas", described_answer.schema), reference("schemas", "Error")}}};
      content["headers"] = answers[key]["headers"];
    }
    answers[key] = std::move(content);
  }
  value["responses"] = std::move(answers);
  return value;
}

}  // namespace

json openapi_document(const ServerOptions& options, const engine::Engine& engine) {
  json paths = json::object();
  for (const auto& route : routes()) {
    auto& path = paths[std::string(route.pattern)];
    auto method = std::string(route.method);
    std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    path[method] = operation(route);
    if (auto parameters = path_parameters(route.pattern); !parameters.empty()) path["parameters"] = std::move(parameters);
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "clipdex"},
            {"version", CLIPDEX_VERSION},
            {"summary", "Search in pictures by words, pictures and vectors"},
            {"description",
             "JSON in UTF-8. Every answer carries X-Request-Id. GET also answers HEAD. JSON is taken whatever its Content-Type, and may be "
             "compressed. Unknown fields and unknown query parameters under /v1 are errors."},
            {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
          {"servers", {{{"url", "/"}}}},
          {"tags",
           {{{"name", "collections"}},
            {{"name", "images"}},
            {{"name", "search"}},
            {{"name", "model"}},
            {{"name", "server"}},
            {{"name", "page"}}}},
          {"paths", std::move(paths)},
          {"components", openapi_components(options, engine)}};
}

}  // namespace clipdex::http
