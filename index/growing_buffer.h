// The rows that no segment holds yet. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "index/scan.h"

namespace clipdex::index {

// A run of rows of fixed capacity, allocated once so that it never moves: one writer appends behind what readers were told to look at.
// Readers must get `count` from a snapshot that was published after the append. When it is full it becomes a segment as it is.
class GrowingBuffer {
 public:
  GrowingBuffer(std::size_t capacity, std::size_t dimension);

  std::size_t capacity() const { return capacity_; }
  // One writer. The caller keeps the sum within the capacity.
  void append(std::size_t at, std::span<const std::uint64_t> rows, std::span<const float> vectors);

  const float* vectors() const { return vectors_.get(); }  // 64-byte aligned
  std::span<const std::uint64_t> rows(std::size_t count) const { return {rows_.get(), count}; }
  std::size_t memory_bytes(std::size_t count) const { return count * (sizeof(std::uint64_t) + dimension_ * sizeof(float)); }

 private:
  struct Free {
    void operator()(float* memory) const { ::operator delete(memory, std::align_val_t{64}); }
  };

  std::size_t capacity_;
  std::size_t dimension_;
  // Neither is touched before it is used, so that an almost empty buffer takes almost no memory.
  std::unique_ptr<std::uint64_t[]> rows_;
  std::unique_ptr<float[], Free> vectors_;
};

}  // namespace clipdex::index
