// One ingest request: from files to what the store is to write. Private to engine/.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/collection_parts.h"
#include "engine/collection_writer.h"
#include "engine/ingest.h"

namespace clipdex::engine {

// Used once, by one thread.
class IngestRequest {
 public:
  // `items` must outlive it.
  IngestRequest(const CollectionParts& parts, std::span<const IngestItem> items);

  // Decodes and encodes what is new. Takes the time that an ingest takes; nothing is written yet.
  void prepare();

  // To be written if there is anything in it (ids not empty). Refers to this object.
  Change change();

  // One an item, in order, once the change is written.
  std::vector<IngestResult> results() &&;

 private:
  struct Candidate {
    const IngestItem* item = nullptr;
    IngestResult* result = nullptr;
    std::string id, hash;
    std::optional<std::string> metadata;  // normalised
    bool needs_encoding = false;
    PreparedImage prepared;
  };

  static bool examine(const IngestItem& item, IngestResult& result, Candidate& candidate);
  void look_up();
  bool reuse(Candidate& candidate) const;
  storage::WriteRequest decide();
  void decide_one(Candidate& candidate, const std::optional<ImageRecord>& old, storage::WriteRequest& request) const;
  storage::NewImage new_image(const Candidate& candidate, const std::optional<ImageRecord>& old) const;

  const CollectionParts& parts_;
  std::span<const IngestItem> items_;
  std::vector<IngestResult> results_;
  std::vector<Candidate> candidates_;
  std::vector<std::pair<std::size_t, std::size_t>> copies_;  // item -> candidate of the request's first item with its id
};

// Images whose embeddings the caller has: what import_vectors() writes. Throws std::invalid_argument.
Change import_change(const CollectionParts& parts, std::span<const VectorItem> items, std::vector<IngestResult>& results);

}  // namespace clipdex::engine
