// What the store knows of itself by number. Private to storage/.
#pragma once

#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/database.h"

namespace clipdex::storage {

struct StoreCounters {
  std::uint64_t next_row = 0;
  std::uint64_t count = 0;             // live images
  std::uint64_t last_sequence = 0;     // the newest operation
  std::uint64_t trimmed_sequence = 0;  // the newest operation that is no longer in ops
};

std::string number_text(std::uint64_t number);
// Throws CorruptionError.
std::uint64_t parse_number(std::string_view text);

// Throws CorruptionError if one is missing or damaged, or if they contradict each other or the operation log. Reads a handful of keys.
StoreCounters read_counters(const Database& database);
void put_counters(const Database& database, rocksdb::WriteBatch& batch, const StoreCounters& counters);

}  // namespace clipdex::storage
