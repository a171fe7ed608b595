// How much one answer may hold: a request of a few bytes must not make one that fills the memory. Private to http/.
#pragma once

#include <cstddef>
#include <string>

#include "http/errors.h"

namespace clipdex::http {

// Of all hits of one answer; their metadata are the engine's to count (kSearchRecordBytesMax). One thread at a time.
class AnswerBudget {
 public:
  static constexpr std::size_t kHitsMax = 5'000;
  static constexpr std::size_t kVectorNumbersMax = 2'000'000;

  // Before a search: hits that it may have, and the numbers of each one's vector if those are asked for. Throws HttpError (422).
  void ask(std::size_t hits, std::size_t numbers_each) {
    hits_ += hits;
    numbers_ += hits * numbers_each;
    if (hits_ > kHitsMax)
      throw invalid_value("the searches ask for " + std::to_string(hits_) + " hits together, and " + std::to_string(kHitsMax) +
                          " are possible in one answer: ask for fewer, or in several requests");
    if (numbers_ > kVectorNumbersMax)
      throw invalid_value("the hits' vectors would have " + std::to_string(numbers_) + " numbers, and " +
                          std::to_string(kVectorNumbersMax) + " are possible in one answer: ask for fewer hits, or without vectors");
  }

 private:
  std::size_t hits_ = 0, numbers_ = 0;
};

}  // namespace clipdex::http
