// A batch as the towers take it. Private to encoder/.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "encoder/preprocessing.h"
#include "encoder/training/batch_loader.h"

namespace clipdex::training {

// Texts as a matrix: what is shorter than the longest one is filled up behind its end token, where a causal tower does not look.
struct TextTensors {
  at::Tensor tokens;     // int64 [n, length of the longest]
  at::Tensor pooled_at;  // int64 [n]
};
TextTensors text_tensors(std::span<const std::vector<std::int32_t>> texts, at::Device device);

class BatchTensors {
 public:
  BatchTensors(Batch batch, const encoder::Preprocessing& preprocessing, at::Device device);

  std::int64_t pairs() const { return static_cast<std::int64_t>(batch_.pairs); }
  DataPosition after() const { return batch_.after; }
  // Of pairs [first, first + count).
  at::Tensor pixels(std::int64_t first, std::int64_t count) const { return pixels_.narrow(0, first, count).to(device_); }
  TextTensors texts(std::int64_t first, std::int64_t count) const;

 private:
  Batch batch_;
  at::Device device_;
  at::Tensor pixels_;  // in batch_'s memory
};

}  // namespace clipdex::training
