// Who waits for the encoder.
#pragma once

namespace clipdex::encoder {

enum class Urgency {
  kQuery,  // a person: as soon as the step that runs has ended
  kBatch,  // an ingest or the like, which has more to come: whenever there is no query
};

}  // namespace clipdex::encoder
