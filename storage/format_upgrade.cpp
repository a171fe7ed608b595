#include "storage/format_upgrade.h"

#include "storage/byte_format.h"
#include "storage/record_format.h"
#include "storage/store_counters.h"

namespace clipdex::storage {
namespace {

constexpr std::size_t kRowsAtOnce = 10'000;
// Between the versions: no program reads it, and this one goes on with it.
constexpr std::string_view kUpgrading = "1-2";

void write(const Database& database, rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = database.db().Write(options, &batch);
  if (!status.ok()) fail(database.directory(), "cannot upgrade the store", status);
}

// Rewrites the records from `first` on, at most kRowsAtOnce of them. The first row that is left, nothing if none is.
std::optional<std::uint64_t> rewrite_records(const Database& database, rocksdb::WriteBatch& batch, std::uint64_t first) {
  const auto iterator = database.iterate(kRecords);
  std::size_t rewritten = 0;
  for (iterator->Seek(row_key(first)); iterator->Valid(); iterator->Next()) {
    const auto row = row_of_key(iterator->key().ToStringView());
    if (rewritten++ == kRowsAtOnce) return row;
    const auto bytes = iterator->value().ToStringView();
    decode_unchecked_record(row, bytes);  // what is damaged already gets no checksum
    batch.Put(database.family(kRecords), iterator->key(), with_checksum(bytes, row));
  }
  database.check(*iterator);
  return std::nullopt;
}

}  // namespace

void upgrade_format(const Database& database) {
  const auto version = database.required(kFormatKey);
  if (version != "1" && version != kUpgrading) return;
  auto* sys = database.family(kSys);
  std::optional<std::uint64_t> first = parse_number(database.read(kSys, kUpgradedRowsKey).value_or("0"));
  while (first) {
    rocksdb::WriteBatch batch;
    first = rewrite_records(database, batch, *first);
    if (first) {
      batch.Put(sys, slice(kFormatKey), slice(kUpgrading));
      batch.Put(sys, slice(kUpgradedRowsKey), number_text(*first));
    } else {
      batch.Put(sys, slice(kFormatKey), number_text(kFormatVersion));
      batch.Put(sys, slice(kLastSequenceKey), number_text(0));
      batch.Put(sys, slice(kTrimmedSequenceKey), number_text(0));
      batch.Delete(sys, slice(kUpgradedRowsKey));
    }
    write(database, batch);
  }
}

}  // namespace clipdex::storage
