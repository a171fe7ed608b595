// A set of rows that a search is restricted to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace clipdex::index {

// A bitmap over the rows between the smallest and the largest of the set: its memory is one bit a row of that range.
// Immutable: any number of threads may read one.
class RowSet {
 public:
  RowSet() = default;
  // Bit i % 64 of bits[i / 64] stands for row first_row + i.
  RowSet(std::uint64_t first_row, std::vector<std::uint64_t> bits);

  bool contains(std::uint64_t row) const {
    const std::uint64_t i = row - first_row_;
    return i / 64 < bits_.size() && (bits_[i / 64] >> (i % 64) & 1) != 0;
  }
  std::uint64_t count() const { return count_; }
  // How many rows of the set are in [first, last]; takes a pass over that part of the bitmap.
  std::uint64_t count(std::uint64_t first, std::uint64_t last) const;
  std::size_t memory_bytes() const { return bits_.size() * sizeof(std::uint64_t); }

  // Calls visit(row) for the rows of the set in [first, last], in ascending order.
  template <typename Visit>
  void for_each(std::uint64_t first, std::uint64_t last, const Visit& visit) const {
    for (Words words = overlap(first, last); words.i < words.end; ++words.i) {
      for (std::uint64_t word = masked(words.i, first, last); word != 0; word &= word - 1)
        visit(first_row_ + words.i * 64 + static_cast<std::uint64_t>(__builtin_ctzll(word)));
    }
  }

 private:
  struct Words {
    std::size_t i = 0, end = 0;
  };
  // The words that hold rows of [first, last].
  Words overlap(std::uint64_t first, std::uint64_t last) const;
  // Word i without the rows outside of [first, last].
  std::uint64_t masked(std::size_t i, std::uint64_t first, std::uint64_t last) const;

  std::uint64_t first_row_ = 0;
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> bits_;
};

// Collects rows in any order (ascending is quickest), each any number of times. For one thread.
class RowSetBuilder {
 public:
  void add(std::uint64_t row);
  void add(std::span<const std::uint64_t> rows);
  // The set of what was added; the builder is empty again.
  RowSet build();

 private:
  std::uint64_t first_word_ = 0;  // its first row is 64 times this
  std::vector<std::uint64_t> bits_;
};

}  // namespace clipdex::index
