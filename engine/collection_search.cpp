#include "engine/collection_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "engine/errors.h"

namespace clipdex::engine {
namespace {

using Clock = std::chrono::steady_clock;

// A request on its way.
struct Query {
  const SearchRequest* request = nullptr;
  SearchOutcome* outcome = nullptr;
  std::vector<float> vector;
  std::vector<index::Hit> found;  // by the index

  bool failed() const { return outcome->error != nullptr; }
};

// Whatever `action` throws is the outcome of this query alone.
template <typename Action>
void guarded(Query& query, const Action& action) {
  try {
    action();
  } catch (...) {
    query.outcome->error = std::current_exception();
  }
}

void check(const SearchRequest& request) {
  if (request.limit < 1 || request.limit > kSearchLimitMax)
    throw std::invalid_argument("limit is " + std::to_string(request.limit) + ", and 1 to 1000 is possible");
  if (request.offset > kSearchWindowMax - request.limit)
    throw std::invalid_argument("offset + limit is over 10000: narrow the query instead");
}

void encode_texts(const CollectionParts& parts, std::span<Query* const> queries) {
  std::vector<std::string> texts;
  for (const auto* query : queries) texts.push_back(std::get<TextQuery>(query->request->query).text);
  const auto embeddings = parts.resources.queries->encode(texts);
  for (std::size_t i = 0; i < queries.size(); ++i) queries[i]->vector = *embeddings[i];
}

// One bad text (too long, say) must not fail the others.
void encode_texts_guarded(const CollectionParts& parts, std::vector<Query>& queries) {
  std::vector<Query*> texts;
  for (auto& query : queries) {
    if (!query.failed() && std::holds_alternative<TextQuery>(query.request->query)) texts.push_back(&query);
  }
  const auto one_by_one = [&] {
    for (auto* query : texts) guarded(*query, [&] { encode_texts(parts, std::span(&query, 1)); });
  };
  if (texts.size() < 2) return one_by_one();
  try {
    encode_texts(parts, texts);
  } catch (const std::invalid_argument&) {
    one_by_one();
  }
}

// `until`: how long a picture waits for others, those of the same call included.
std::vector<float> query_vector(const CollectionParts& parts, const SearchRequest& request, Clock::time_point until) {
  if (const auto* query = std::get_if<ImageQuery>(&request.query)) return parts.resources.preparation->embed(query->bytes, until);
  if (const auto* query = std::get_if<IdQuery>(&request.query)) {
    auto embedding = read_of_image(*parts.store, query->id, [&](std::uint64_t row) { return parts.store->embedding(row); });
    if (!embedding) throw UnknownImageError("there is no image \"" + query->id + "\" in the collection \"" + parts.name + "\"");
    return *embedding;
  }
  return unit_vector(std::get<VectorQuery>(request.query).values, parts.resources.encoder->dimension());
}

// What the records of a call's hits may still hold.
class RecordBudget {
 public:
  void take(const ImageRecord& record) {
    const std::size_t bytes = std::min(record.source.size() + record.metadata.size(), left_ + 1);
    if (bytes > left_) {
      throw std::invalid_argument(
          "the hits' metadata have over 16 MiB: ask for fewer hits, or without metadata (over HTTP \"include\": [])");
    }
    left_ -= bytes;
  }

 private:
  std::size_t left_ = kSearchRecordBytesMax;
};

// The records of one query's hits, some at a time: what is over the budget is not read. False if the store has lost some of their rows
// since. If it throws, there are no hits.
bool read_records(const CollectionParts& parts, Query& query, RecordBudget& budget) {
  constexpr std::size_t kRecordsAtOnce = 100;
  const auto& request = *query.request;
  const auto hits = std::span(query.found).subspan(std::min(request.offset, query.found.size()));
  std::vector<SearchHit> read;
  for (std::size_t begin = 0; begin < hits.size(); begin += kRecordsAtOnce) {
    const auto some = hits.subspan(begin, std::min(kRecordsAtOnce, hits.size() - begin));
    std::vector<std::uint64_t> rows;
    for (const auto& hit : some) rows.push_back(hit.row);
    auto records = parts.store->get_many(rows);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (!records[i]) continue;
      SearchHit hit{.record = std::move(*records[i]), .score = some[i].score, .vector = {}};
      if (!request.include_metadata) hit.record.metadata.clear();
      budget.take(hit.record);
      if (request.include_vector) hit.vector = parts.store->embedding(some[i].row).value_or(std::vector<float>{});
      read.push_back(std::move(hit));
    }
  }
  query.outcome->result.hits = std::move(read);
  return query.outcome->result.hits.size() == hits.size();
}

index::SearchOptions index_options(const SearchRequest& request) {
  index::SearchOptions options;
  options.limit = request.limit + request.offset;
  options.exact = request.exact;
  if (request.min_score) options.min_score = *request.min_score;
  return options;
}

// Searches the index, for queries of the same options at once.
void search_index(const CollectionParts& parts, std::span<Query* const> queries) {
  std::map<std::tuple<std::size_t, bool, float>, std::vector<Query*>> groups;
  for (auto* query : queries) {
    const auto options = index_options(*query->request);
    groups[{options.limit, options.exact, options.min_score}].push_back(query);
  }
  for (const auto& [key, group] : groups) {
    try {
      std::vector<float> vectors;
      for (const auto* query : group) vectors.insert(vectors.end(), query->vector.begin(), query->vector.end());
      const StageTimer timer(parts.resources.metrics->index_search);
      auto hits = parts.index->snapshot()->search(vectors, group.size(), index_options(*group.front()->request));
      for (std::size_t i = 0; i < group.size(); ++i) group[i]->found = std::move(hits[i]);
    } catch (...) {
      for (auto* query : group) query->outcome->error = std::current_exception();
    }
  }
}

// Hits and their records; the first queries have what there is of the budget.
void search_all(const CollectionParts& parts, CollectionWriter& writer, std::vector<Query*> queries) {
  // A row that the store no longer has belongs to a write that is about to publish what came in its place: that is short, and waited for.
  constexpr int kAttempts = 3;
  RecordBudget budget;
  for (int attempt = 0; attempt < kAttempts && !queries.empty(); ++attempt) {
    if (attempt > 0) writer.wait_until_published();
    search_index(parts, queries);
    const StageTimer reading(parts.resources.metrics->records);
    std::vector<Query*> again;
    for (auto* query : queries) {
      if (query->failed()) continue;
      const RecordBudget before = budget;
      guarded(*query, [&] {
        if (read_records(parts, *query, budget) || attempt + 1 == kAttempts) return;
        budget = before;  // what is read once more counts once
        again.push_back(query);
      });
    }
    queries = std::move(again);
  }
}

}  // namespace

std::vector<float> unit_vector(const std::vector<float>& values, std::size_t dimension) {
  if (values.size() != dimension) {
    throw std::invalid_argument("the vector has " + std::to_string(values.size()) + " numbers, and " + std::to_string(dimension) +
                                " is the collection's dimension");
  }
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  const double length = std::sqrt(sum);
  if (!std::isfinite(length)) throw std::invalid_argument("the vector has numbers that are not finite");
  if (length == 0) throw std::invalid_argument("the vector is zero: it points nowhere");
  std::vector<float> unit(values.size());
  std::transform(values.begin(), values.end(), unit.begin(), [length](float value) { return static_cast<float>(value / length); });
  return unit;
}

std::vector<SearchOutcome> search_collection(const CollectionParts& parts, CollectionWriter& writer,
                                             std::span<const SearchRequest> requests) {
  const auto start = Clock::now(), until = parts.resources.preparation->patience_end();
  std::vector<SearchOutcome> outcomes(requests.size());
  std::vector<Query> queries(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    queries[i] = {.request = &requests[i], .outcome = &outcomes[i], .vector = {}};
    guarded(queries[i], [&] {
      check(requests[i]);
      if (!std::holds_alternative<TextQuery>(requests[i].query)) queries[i].vector = query_vector(parts, requests[i], until);
    });
  }
  encode_texts_guarded(parts, queries);
  const double encode_ms = ms_since(start);
  const auto searching = Clock::now();
  std::vector<Query*> waiting;
  for (auto& query : queries) {
    if (!query.failed()) waiting.push_back(&query);
  }
  search_all(parts, writer, std::move(waiting));
  for (auto& outcome : outcomes) {
    outcome.result.encode_ms = encode_ms;
    outcome.result.search_ms = ms_since(searching);
    outcome.result.total_ms = ms_since(start);
  }
  return outcomes;
}

}  // namespace clipdex::engine
