// Pictures on their way to a GPU. Private to encoder/: LibTorch shows here.
#pragma once

#include <ATen/ATen.h>

#include <span>

#include "encoder/cuda/preprocess.h"
#include "encoder/image_batch.h"
#include "encoder/preprocessing.h"

namespace clipdex::encoder {

// Page-locked memory that pictures and the plans of their resizes are gathered in, its copy on the device, and scratch space there: grown
// as needed and kept. One thread at a time; not again before the stream has passed what run() put on it.
class PictureUpload {
 public:
  PictureUpload(const Preprocessing& preprocessing, at::Device device);

  // -> [n, 3, height, width] of `type` on the device; asynchronous, on the current stream.
  at::Tensor run(std::span<const DeviceImage> pictures, at::ScalarType type);

 private:
  void reserve(std::size_t upload_bytes, std::size_t scratch_bytes);

  Preprocessing preprocessing_;
  at::Device device_;
  at::Tensor tables_;  // [3, 256], device
  at::Tensor pinned_, uploaded_, scratch_;
};

}  // namespace clipdex::encoder
