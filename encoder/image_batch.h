// Pictures in the form in which a model's device takes them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "encoder/image.h"
#include "encoder/preprocessing.h"

namespace clipdex::encoder {

// A picture that a GPU resizes, or, where that cannot or should not be done there, one that the CPU has made the model's size.
struct DeviceImage {
  Image image;            // RGB
  bool is_ready = false;  // of the model's size
};

// For the CPU pixels of the model's size, 12 bytes each; for a GPU what it resizes itself, at most 16 times the model's pixels in 3 bytes
// each. One thread at a time, but for set().
class ImageBatch {
 public:
  // Made by ClipEncoder::image_batch().
  ImageBatch(const Preprocessing& preprocessing, bool for_device, std::size_t count);

  std::size_t size() const { return count_; }

  // Threads may set different places at the same time. A batch is encoded when every place that it keeps is set.
  void set(std::size_t place, const Image& image);
  void set(std::size_t place, Image&& image);

  // Of all places only these, ascending.
  void keep(std::span<const std::size_t> places);
  // Of the same model.
  void append(ImageBatch&& other);

  // [size(), 3, height, width], as preprocess() makes them; empty if it is for a device.
  std::span<const float> pixels() const { return pixels_; }
  // size() of them if it is for a device.
  std::span<const DeviceImage> images() const { return images_; }

 private:
  std::size_t stride() const;

  Preprocessing preprocessing_;
  std::size_t count_;
  std::vector<float> pixels_;
  std::vector<DeviceImage> images_;
};

}  // namespace clipdex::encoder
