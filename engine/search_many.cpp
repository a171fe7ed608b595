#include "engine/collection.h"

namespace clipdex::engine {

std::vector<SearchOutcome> Collection::search_many(std::span<const SearchRequest> requests) const {
  std::vector<SearchOutcome> outcomes(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    try {
      outcomes[i].result = search(requests[i]);
    } catch (...) {
      outcomes[i].error = std::current_exception();
    }
  }
  return outcomes;
}

}  // namespace clipdex::engine
