// Searches in one collection. Private to engine/.
#pragma once

#include <span>
#include <vector>

#include "engine/collection_parts.h"
#include "engine/collection_writer.h"
#include "engine/search.h"

namespace clipdex::engine {

// `values` at unit length. Throws std::invalid_argument for a vector of another dimension, of no length, or with numbers that are not
// finite.
std::vector<float> unit_vector(const std::vector<float>& values, std::size_t dimension);

// One outcome a request, in order. Texts are encoded together, and queries with the same options share one pass over the index. Any thread
// may call it.
std::vector<SearchOutcome> search_collection(const CollectionParts& parts, CollectionWriter& writer,
                                             std::span<const SearchRequest> requests);

}  // namespace clipdex::engine
