// Which positions of a segment a search may find. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/scan.h"

namespace clipdex::index {

// Looks at the deleted and allowed rows of a ScanInput, which must outlive it. Immutable.
class RowFilter {
 public:
  explicit RowFilter(const ScanInput& input) : input_(input) {}

  // Whether there is anything to leave out.
  bool filters() const { return (input_.deleted != nullptr && input_.deleted->count > 0) || input_.allowed != nullptr; }

  bool passes(std::size_t position) const {
    return (input_.deleted == nullptr || !input_.deleted->contains(position)) &&
           (input_.allowed == nullptr || input_.allowed->contains(input_.rows[position]));
  }

  // Not less than there are, and not much more.
  std::size_t passing_at_most() const;
  // In ascending order.
  std::vector<std::uint32_t> positions() const;

 private:
  const ScanInput& input_;
};

}  // namespace clipdex::index
