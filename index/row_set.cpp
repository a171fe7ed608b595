#include "index/row_set.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace clipdex::index {

RowSet::RowSet(std::uint64_t first_row, std::vector<std::uint64_t> bits) : first_row_(first_row), bits_(std::move(bits)) {
  for (const auto word : bits_) count_ += static_cast<std::uint64_t>(std::popcount(word));
}

RowSet::Words RowSet::overlap(std::uint64_t first, std::uint64_t last) const {
  if (bits_.empty() || last < first || last < first_row_) return {};
  const std::uint64_t begin = first > first_row_ ? (first - first_row_) / 64 : 0;
  const std::uint64_t end = (last - first_row_) / 64 + 1;
  return {.i = static_cast<std::size_t>(std::min<std::uint64_t>(begin, bits_.size())),
          .end = static_cast<std::size_t>(std::min<std::uint64_t>(end, bits_.size()))};
}

std::uint64_t RowSet::masked(std::size_t i, std::uint64_t first, std::uint64_t last) const {
  std::uint64_t word = bits_[i];
  const std::uint64_t begin = first_row_ + std::uint64_t{i} * 64;
  if (first > begin) word &= ~std::uint64_t{0} << (first - begin);
  if (last - begin < 63) word &= ~std::uint64_t{0} >> (63 - (last - begin));
  return word;
}

std::uint64_t RowSet::count(std::uint64_t first, std::uint64_t last) const {
  std::uint64_t sum = 0;
  for (Words words = overlap(first, last); words.i < words.end; ++words.i)
    sum += static_cast<std::uint64_t>(std::popcount(masked(words.i, first, last)));
  return sum;
}

void RowSetBuilder::add(std::uint64_t row) {
  const std::uint64_t word = row / 64;
  if (bits_.empty()) first_word_ = word;
  if (word < first_word_) {
    // Room for as much again, so that descending rows take no quadratic time.
    const std::uint64_t room = std::min(first_word_, std::max<std::uint64_t>(first_word_ - word, bits_.size()));
    bits_.insert(bits_.begin(), static_cast<std::size_t>(room), 0);
    first_word_ -= room;
  }
  if (word - first_word_ >= bits_.size()) bits_.resize(static_cast<std::size_t>(word - first_word_) + 1);
  bits_[static_cast<std::size_t>(word - first_word_)] |= std::uint64_t{1} << (row % 64);
}

void RowSetBuilder::add(std::span<const std::uint64_t> rows) {
  for (const auto row : rows) add(row);
}

RowSet RowSetBuilder::build() { return {std::exchange(first_word_, 0) * 64, std::exchange(bits_, {})}; }

}  // namespace clipdex::index
