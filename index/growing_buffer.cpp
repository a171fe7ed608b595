#include "index/growing_buffer.h"

#include <algorithm>

namespace clipdex::index {

GrowingBuffer::GrowingBuffer(std::size_t capacity, std::size_t dimension)
    : capacity_(capacity),
      dimension_(dimension),
      rows_(std::make_unique_for_overwrite<std::uint64_t[]>(capacity)),
      vectors_(static_cast<float*>(::operator new(capacity* dimension * sizeof(float), std::align_val_t{64}))) {}

void GrowingBuffer::append(std::size_t at, std::span<const std::uint64_t> rows, std::span<const float> vectors) {
  std::copy(rows.begin(), rows.end(), rows_.get() + at);
  std::copy(vectors.begin(), vectors.end(), vectors_.get() + at * dimension_);
}

}  // namespace clipdex::index
