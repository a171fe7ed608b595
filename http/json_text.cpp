#include "http/json_text.h"

#include "http/json_classify.h"
#include "http/json_ingest.h"
#include "http/json_search.h"

namespace clipdex::http {
std::string to_json_text(const engine::ImageRecord& record) { return json_line(to_json(record)); }
std::string to_json_text(const engine::IngestResult& result) { return json_line(to_json(result)); }
std::string to_json_text(const engine::CollectionStatistics& statistics) { return json_line(to_json(statistics)); }
std::string to_json_text(const std::vector<engine::LabelProbability>& labels) { return json_line(to_json(labels)); }

std::string to_json_text(const engine::SearchHit& hit) {
  const engine::SearchResult one{.hits = {hit}};
  engine::SearchRequest request;
  request.include_vector = !hit.vector.empty();
  return json_line(to_json(one, request)["hits"][0]);
}

}  // namespace clipdex::http
