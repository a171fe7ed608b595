// The operation log: bytes of an operation, and the family that holds them. Private to storage/.
#pragma once

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "storage/database.h"
#include "storage/operation.h"

namespace clipdex::storage {

// A version byte, then the fields, behind a checksum.
std::string encode_operation(const Operation& operation);
// Throws CorruptionError that names the sequence.
Operation decode_operation(std::uint64_t sequence, std::string_view bytes);

std::optional<Operation> last_operation(const Database& database);
bool has_operation(const Database& database, std::uint64_t sequence);
void put_operation(const Database& database, rocksdb::WriteBatch& batch, const Operation& operation);
// Forgets those from `first` to `last`, both included.
void trim_operations(const Database& database, rocksdb::WriteBatch& batch, std::uint64_t first, std::uint64_t last);

// Those behind `sequence` up to the newest, in one view. Throws CorruptionError if one is missing or damaged.
void for_each_operation(const Database& database, std::uint64_t sequence, const std::function<void(const Operation&)>& visit);

}  // namespace clipdex::storage
