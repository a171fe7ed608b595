#include "index/row_filter.h"

#include <algorithm>

namespace clipdex::index {

std::size_t RowFilter::passing_at_most() const {
  const auto& rows = input_.rows;
  if (rows.empty()) return 0;
  std::size_t most = rows.size() - (input_.deleted != nullptr ? std::min(input_.deleted->count, rows.size()) : 0);
  if (input_.allowed != nullptr)
    most = static_cast<std::size_t>(std::min<std::uint64_t>(most, input_.allowed->count(rows.front(), rows.back())));
  return most;
}

std::vector<std::uint32_t> RowFilter::positions() const {
  const auto& rows = input_.rows;
  std::vector<std::uint32_t> positions;
  if (rows.empty()) return positions;
  positions.reserve(passing_at_most());
  const auto add = [&](std::size_t position) {
    if (input_.deleted == nullptr || !input_.deleted->contains(position)) positions.push_back(static_cast<std::uint32_t>(position));
  };
  if (input_.allowed == nullptr) {
    for (std::size_t i = 0; i < rows.size(); ++i) add(i);
    return positions;
  }
  // Rows ascend and gaps in them are few, so that a row's position is about as far on as the row is, and never further.
  auto from = rows.begin();
  input_.allowed->for_each(rows.front(), rows.back(), [&](std::uint64_t row) {
    if (from == rows.end() || row < *from) return;
    const auto furthest =
        from + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(row - *from, static_cast<std::uint64_t>(rows.end() - from - 1)));
    from = *furthest == row ? furthest : std::lower_bound(from, furthest + 1, row);
    if (from != rows.end() && *from == row) add(static_cast<std::size_t>(from - rows.begin()));
  });
  return positions;
}

}  // namespace clipdex::index
