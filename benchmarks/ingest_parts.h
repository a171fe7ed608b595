// What an ingest does with each picture, one after the other: how long each of it takes with nothing beside it.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/ingest.h"
#include "engine/model.h"

namespace clipdex::benchmarks {

struct IngestParts {
  double decode = 0, preprocess = 0, thumbnail = 0;  // seconds of a picture, with all cores
  double encode = 0;                                 // with the encoder's device

  double on_cores() const { return decode + preprocess + thumbnail; }
  double sum() const { return on_cores() + encode; }
};

// Of the first items, at most eight batches of so many; where a GPU encodes, it resizes, too, and `preprocess` is handing it the pixels.
IngestParts measure_ingest_parts(const engine::ClipEncoder& encoder, const std::vector<engine::IngestItem>& items, std::size_t batch);

// The better of both, part by part: the machine may have been busy with something else.
IngestParts better_of(const IngestParts& a, const IngestParts& b);

}  // namespace clipdex::benchmarks
