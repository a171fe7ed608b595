#include "http/answer_budget.h"
#include "http/errors.h"
#include "http/json_search.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

json failure(const Call& call, const std::exception_ptr& error) {
  const auto answer = answer_for(error, call.response.get_header_value("X-Request-Id"));
  auto value = json::parse(error_body(answer));
  value["error"]["status"] = answer.status;
  return value;
}

void ask(const Call& call, AnswerBudget& budget, const engine::SearchRequest& request) {
  if (request.limit > engine::kSearchLimitMax) return;  // which fails by itself
  budget.ask(request.limit, request.include_vector ? call.engine.encoder().dimension() : 0);
}

// Each search of many succeeds or fails by itself.
json search_many(const Call& call, const engine::Collection& collection, const json& searches) {
  constexpr std::size_t kSearchesMax = 100;
  if (!searches.is_array()) throw malformed("\"searches\" is not an array");
  if (searches.size() > kSearchesMax)
    throw invalid_value("\"searches\" has " + std::to_string(searches.size()) + " searches, and 100 are the limit");
  json results = json::array();
  AnswerBudget budget;
  std::vector<engine::SearchRequest> requests;
  std::vector<std::size_t> places;  // of their results
  for (std::size_t i = 0; i < searches.size(); ++i) {
    try {
      requests.push_back(parse_search(Fields(searches[i], "searches[" + std::to_string(i) + "]")));
      places.push_back(i);
      results.push_back(nullptr);
    } catch (...) {
      results.push_back(failure(call, std::current_exception()));
    }
  }
  for (const auto& request : requests) ask(call, budget, request);
  const auto outcomes = collection.search_many(requests);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    results[places[i]] = outcomes[i].error ? failure(call, outcomes[i].error) : to_json(outcomes[i].result, requests[i]);
  }
  return {{"results", std::move(results)}};
}

}  // namespace

void post_search(Call& call) {
  call.allow_parameters({});
  const auto collection = call.collection();
  AnswerBudget budget;
  if (call.body.multipart) {
    const auto request = parse_search_form(std::move(call.body));
    ask(call, budget, request);
    return call.answer(200, to_json(collection->search(request), request));
  }
  const json body = call.json_body();
  if (body.is_object() && body.contains("searches")) {
    Fields(body, "").allow({"searches"});
    return call.answer(200, search_many(call, *collection, body["searches"]));
  }
  const auto request = parse_search(Fields(body, ""));
  ask(call, budget, request);
  call.answer(200, to_json(collection->search(request), request));
}

}  // namespace clipdex::http
