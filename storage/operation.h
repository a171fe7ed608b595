// One entry of the operation log: what a write changed, for indexes that follow the store.
#pragma once

#include <cstdint>
#include <vector>

namespace clipdex::storage {

struct Operation {
  std::uint64_t sequence = 0;               // from 1, ascending by one
  std::int64_t time_ms = 0;                 // Unix time in milliseconds
  std::uint64_t first_row = 0;              // the added rows are first_row .. first_row + added_rows - 1
  std::uint64_t added_rows = 0;             // some of them may be gone again by now
  std::vector<std::uint64_t> removed_rows;  // replaced and deleted ones
  std::uint64_t changed_records = 0;        // new metadata, same rows
  std::uint64_t count = 0;                  // live images after it

  bool operator==(const Operation&) const = default;
};

}  // namespace clipdex::storage
