// Which positions of a segment are deleted. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace clipdex::index {

// A value: copied on write, shared by the snapshots that saw it. Absent means that nothing is deleted.
struct Tombstones {
  std::vector<std::uint8_t> bits;  // bit i % 8 of byte i / 8: position i is deleted
  std::size_t count = 0;

  bool contains(std::size_t position) const { return position / 8 < bits.size() && (bits[position / 8] >> (position % 8) & 1) != 0; }

  void add(std::size_t position) {
    if (contains(position)) return;
    if (bits.size() <= position / 8) bits.resize(position / 8 + 1);
    bits[position / 8] = static_cast<std::uint8_t>(bits[position / 8] | 1U << (position % 8));
    ++count;
  }
};

using SharedTombstones = std::shared_ptr<const Tombstones>;

}  // namespace clipdex::index
