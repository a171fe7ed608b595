#include "index/growing_buffer.h"

#include <algorithm>

namespace clipdex::index {

GrowingBuffer::GrowingBuffer(std::size_t capacity, std::size_t dimension)
    : dimension_(dimension), rows_(capacity), vectors_(std::make_unique_for_overwrite<float[]>(capacity * dimension)) {}

void GrowingBuffer::append(std::size_t at, std::span<const std::uint64_t> rows, std::span<const float> vectors) {
  std::copy(rows.begin(), rows.end(), rows_.begin() + static_cast<std::ptrdiff_t>(at));
  std::copy(vectors.begin(), vectors.end(), vectors_.get() + at * dimension_);
}

std::size_t GrowingBuffer::memory_bytes() const { return rows_.size() * (sizeof(std::uint64_t) + dimension_ * sizeof(float)); }

}  // namespace clipdex::index
