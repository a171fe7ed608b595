#include "storage/operation_log.h"

#include "storage/byte_format.h"
#include "storage/store_counters.h"

namespace clipdex::storage {
namespace {

constexpr std::uint8_t kOperationVersion = 1;

std::string name_of(std::uint64_t sequence) { return "operation " + std::to_string(sequence); }

}  // namespace

std::string encode_operation(const Operation& operation) {
  std::string bytes;
  bytes.reserve(64 + operation.removed_rows.size() * sizeof(std::uint64_t));
  put_number(bytes, kOperationVersion);
  put_number(bytes, operation.time_ms);
  put_number(bytes, operation.first_row);
  put_number(bytes, operation.added_rows);
  put_number(bytes, operation.changed_records);
  put_number(bytes, operation.count);
  put_number(bytes, static_cast<std::uint64_t>(operation.removed_rows.size()));
  for (const auto row : operation.removed_rows) put_number(bytes, row);
  return with_checksum(bytes, operation.sequence);
}

Operation decode_operation(std::uint64_t sequence, std::string_view bytes) {
  const auto checked = verified(bytes, sequence);
  ByteReader reader(name_of(sequence), checked.value_or(""));
  if (reader.number<std::uint8_t>() != kOperationVersion) reader.fail();
  Operation operation;
  operation.sequence = sequence;
  operation.time_ms = reader.number<std::int64_t>();
  operation.first_row = reader.number<std::uint64_t>();
  operation.added_rows = reader.number<std::uint64_t>();
  operation.changed_records = reader.number<std::uint64_t>();
  operation.count = reader.number<std::uint64_t>();
  const auto removed = reader.number<std::uint64_t>();
  if (removed != reader.left() / sizeof(std::uint64_t)) reader.fail();
  operation.removed_rows.resize(removed);
  for (auto& row : operation.removed_rows) row = reader.number<std::uint64_t>();
  reader.finish();
  return operation;
}

std::optional<Operation> last_operation(const Database& database) {
  const auto iterator = database.iterate(kOps);
  iterator->SeekToLast();
  if (iterator->Valid()) return decode_operation(number_of_key(iterator->key().ToStringView()), iterator->value().ToStringView());
  database.check(*iterator);
  return std::nullopt;
}

bool has_operation(const Database& database, std::uint64_t sequence) { return database.read(kOps, number_key(sequence)).has_value(); }

void put_operation(const Database& database, rocksdb::WriteBatch& batch, const Operation& operation) {
  batch.Put(database.family(kOps), number_key(operation.sequence), encode_operation(operation));
}

void trim_operations(const Database& database, rocksdb::WriteBatch& batch, std::uint64_t first, std::uint64_t last) {
  if (first <= last) batch.DeleteRange(database.family(kOps), number_key(first), number_key(last + 1));
}

void for_each_operation(const Database& database, std::uint64_t sequence, const std::function<void(const Operation&)>& visit) {
  const View view(database);
  const auto last = parse_number(database.required(kLastSequenceKey, view.options()));
  const auto missing = [&](std::uint64_t which) {
    throw CorruptionError(name_of(which) + " is missing in " + database.directory().string() + ", whose newest is " + std::to_string(last));
  };
  if (sequence > last) missing(sequence);
  auto options = view.options();
  options.fill_cache = false;
  const auto iterator = database.iterate(kOps, options);
  auto expected = sequence + 1;
  for (iterator->Seek(number_key(expected)); iterator->Valid(); iterator->Next(), ++expected) {
    if (number_of_key(iterator->key().ToStringView()) != expected) missing(expected);
    visit(decode_operation(expected, iterator->value().ToStringView()));
  }
  database.check(*iterator);
  if (expected != last + 1) missing(expected);
}

}  // namespace clipdex::storage
