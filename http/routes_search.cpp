#include "http/errors.h"
#include "http/json_search.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

// Each search of many succeeds or fails by itself.
json search_many(const Call& call, const engine::Collection& collection, const json& searches) {
  constexpr std::size_t kSearchesMax = 100;
  if (!searches.is_array()) throw malformed("\"searches\" is not an array");
  if (searches.size() > kSearchesMax)
    throw invalid_value("\"searches\" has " + std::to_string(searches.size()) + " searches, and 100 are the limit");
  json results = json::array();
  for (std::size_t i = 0; i < searches.size(); ++i) {
    try {
      const auto search = parse_search(Fields(searches[i], "searches[" + std::to_string(i) + "]"));
      results.push_back(to_json(collection.search(search.request), search));
    } catch (...) {
      const auto answer = answer_for(std::current_exception(), call.response.get_header_value("X-Request-Id"));
      auto error = json::parse(error_body(answer));
      error["error"]["status"] = answer.status;
      results.push_back(std::move(error));
    }
  }
  return {{"results", std::move(results)}};
}

}  // namespace

void post_search(Call& call) {
  call.allow_parameters({});
  const auto collection = call.collection();
  if (call.body.multipart) {
    const auto search = parse_search_form(std::move(call.body));
    return call.answer(200, to_json(collection->search(search.request), search));
  }
  const json body = call.json_body();
  if (body.is_object() && body.contains("searches")) {
    Fields(body, "").allow({"searches"});
    return call.answer(200, search_many(call, *collection, body["searches"]));
  }
  const auto search = parse_search(Fields(body, ""));
  call.answer(200, to_json(collection->search(search.request), search));
}

}  // namespace clipdex::http
