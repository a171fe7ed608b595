// Requests of JPEG files to a collection, and text queries beside them.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "engine/collection.h"

namespace clipdex::benchmarks {

inline constexpr int kFileWidth = 1200, kFileHeight = 900;

// Photo-like JPEG files, each of bytes that no other has, so that none is known already.
std::vector<engine::IngestItem> make_ingest_items(std::size_t count);

struct IngestClients {
  std::size_t clients = 4;  // requests at a time
  std::size_t per_request = 64;
};

// Returns when all of them are durable. Throws std::runtime_error if one was not created.
void ingest_all(engine::Collection& collection, const std::vector<engine::IngestItem>& items, const IngestClients& by);

struct QueryWaits {
  double p50 = 0, p99 = 0, most = 0;  // ms
};

// Text queries that no cache knows, one after the other, as long as `going` says; at least one.
QueryWaits query_while(const engine::Collection& collection, const std::function<bool()>& going);

// Ingests `items` under other names while somebody searches, and prints how long queries take alone and then.
void run_beside_queries(engine::Collection& collection, std::vector<engine::IngestItem> items, const IngestClients& by);

}  // namespace clipdex::benchmarks
