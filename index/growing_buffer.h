// The rows that no segment holds yet. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/scan.h"

namespace clipdex::index {

// A run of rows of fixed capacity, allocated once so that it never moves: one writer appends behind what readers were told to look at.
// Readers must get `count` from a snapshot that was published after the append.
class GrowingBuffer {
 public:
  GrowingBuffer(std::size_t capacity, std::size_t dimension);

  std::size_t capacity() const { return rows_.size(); }
  // One writer. The caller keeps the sum within the capacity.
  void append(std::size_t at, std::span<const std::uint64_t> rows, std::span<const float> vectors);

  const float* vectors() const { return vectors_.get(); }
  std::span<const std::uint64_t> rows(std::size_t count) const { return std::span(rows_).first(count); }
  std::size_t memory_bytes() const;

 private:
  std::size_t dimension_;
  std::vector<std::uint64_t> rows_;
  std::unique_ptr<float[]> vectors_;  // not touched before it is used
};

}  // namespace clipdex::index
