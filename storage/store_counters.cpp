#include "storage/store_counters.h"

#include <charconv>

#include "storage/operation_log.h"

namespace clipdex::storage {
namespace {

[[noreturn]] void contradiction(const Database& database, const std::string& what) {
  throw CorruptionError("the store in " + database.directory().string() + " contradicts itself: " + what +
                        ". Restore the directory from a backup, or make the collection again");
}

// The newest operation says what the counters were behind it, and the oldest one must follow what was trimmed.
void check_operation_log(const Database& database, const StoreCounters& counters) {
  const auto newest = last_operation(database);
  const auto newest_sequence = newest ? newest->sequence : counters.trimmed_sequence;
  if (newest_sequence != counters.last_sequence) {
    contradiction(database, "its newest operation is " + std::to_string(newest_sequence) + " and should be " +
                                std::to_string(counters.last_sequence));
  }
  if (!newest) return;
  if (newest->first_row + newest->added_rows != counters.next_row || newest->count != counters.count)
    contradiction(database, "its counters are not those of its newest operation");
  if (newest->sequence <= counters.trimmed_sequence || !has_operation(database, counters.trimmed_sequence + 1))
    contradiction(database, "the operations behind " + std::to_string(counters.trimmed_sequence) + " are not those that were kept");
}

}  // namespace

std::string number_text(std::uint64_t number) { return std::to_string(number); }

std::uint64_t parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) throw CorruptionError("one of the store's counters is damaged");
  return number;
}

StoreCounters read_counters(const Database& database) {
  const StoreCounters counters{.next_row = parse_number(database.required(kNextRowKey)),
                               .count = parse_number(database.required(kCountKey)),
                               .last_sequence = parse_number(database.required(kLastSequenceKey)),
                               .trimmed_sequence = parse_number(database.required(kTrimmedSequenceKey))};
  if (counters.count > counters.next_row)
    contradiction(database, std::to_string(counters.count) + " images in " + std::to_string(counters.next_row) + " rows");
  check_operation_log(database, counters);
  return counters;
}

void put_counters(const Database& database, rocksdb::WriteBatch& batch, const StoreCounters& counters) {
  auto* sys = database.family(kSys);
  batch.Put(sys, slice(kNextRowKey), number_text(counters.next_row));
  batch.Put(sys, slice(kCountKey), number_text(counters.count));
  batch.Put(sys, slice(kLastSequenceKey), number_text(counters.last_sequence));
  batch.Put(sys, slice(kTrimmedSequenceKey), number_text(counters.trimmed_sequence));
}

}  // namespace clipdex::storage
