// Exact search over one run of vectors. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/row_set.h"
#include "index/tombstones.h"
#include "index/vector_index.h"

namespace clipdex::index {

// What one scan looks at: `vectors` is [rows.size(), dimension], rows ascend.
struct ScanInput {
  const float* vectors = nullptr;
  std::span<const std::uint64_t> rows;
  std::size_t dimension = 0;
  const Tombstones* deleted = nullptr;  // may be null
  const RowSet* allowed = nullptr;      // null: all rows are
};

// Appends to each query's list its best `limit` live, allowed rows (of rows that score the same, the smaller ones), or as many as there
// are, in no order that may be relied on. A row whose score is not a number is no hit. queries: [n, dimension].
void scan(const ScanInput& input, std::span<const float> queries, std::size_t n, std::size_t limit, std::vector<std::vector<Hit>>& hits);

}  // namespace clipdex::index
