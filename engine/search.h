// What goes into a search and what comes out of it.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/image_record.h"

namespace clipdex::engine {

using storage::ImageRecord;

struct TextQuery {
  std::string text;
};
struct ImageQuery {
  std::string bytes;  // a picture file
};
struct IdQuery {
  std::string id;  // of an image of the same collection; it is a hit itself, with a score of 1, and so are its copies
};
struct VectorQuery {
  std::vector<float> values;  // dimension numbers, of any length but zero: normalised here
};

struct SearchRequest {
  std::variant<TextQuery, ImageQuery, IdQuery, VectorQuery> query;
  std::size_t limit = 10;  // 1..1000
  std::size_t offset = 0;  // limit + offset at most 10,000
  std::optional<float> min_score;
  bool exact = false;
  bool include_vector = false;
  bool include_metadata = true;
};

struct SearchHit {
  ImageRecord record;
  float score = 0;            // cosine
  std::vector<float> vector;  // with include_vector
};

struct SearchResult {
  std::vector<SearchHit> hits;  // best first
  double encode_ms = 0;
  double search_ms = 0;
  double total_ms = 0;
};

// Of one search among many.
struct SearchOutcome {
  SearchResult result;
  std::exception_ptr error;  // set: what search() would have thrown
};

inline constexpr std::size_t kSearchLimitMax = 1000;
inline constexpr std::size_t kSearchWindowMax = 10'000;
// Of the sources and metadata of all hits of one call, that of search_many() too.
inline constexpr std::size_t kSearchRecordBytesMax = std::size_t{16} << 20;

}  // namespace clipdex::engine
