#include "encoder/image_batch.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace clipdex::encoder {
namespace {

// Sides of a picture that is uploaded as it was decoded, in those of the model's: what decoding at a reduced size leaves is below that.
constexpr std::size_t kSidesMax = 4;
// CUDA's limit of a grid.
constexpr int kRowsMax = 65'535;

// Whether a GPU resizes it: RGB, filtered, and not much larger than what the model sees.
bool is_for_device(const Image& image, const Preprocessing& p) {
  const auto most = kSidesMax * static_cast<std::size_t>(p.width) * kSidesMax * static_cast<std::size_t>(p.height);
  return image.channels == 3 && !image.indexed && p.interpolation != Interpolation::kNearest && image.height <= kRowsMax &&
         static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) <= most;
}

}  // namespace

ImageBatch::ImageBatch(const Preprocessing& preprocessing, bool for_device, std::size_t count)
    : preprocessing_(preprocessing), count_(count) {
  if (for_device) {
    images_.resize(count);
  } else {
    pixels_.resize(count * stride());
  }
}

std::size_t ImageBatch::stride() const { return preprocessing_.values(); }

void ImageBatch::set(std::size_t place, const Image& image) {
  if (images_.empty()) return preprocess_into(image, preprocessing_, pixels_.data() + place * stride());
  set(place, Image(image));
}

void ImageBatch::set(std::size_t place, Image&& image) {
  if (images_.empty()) return preprocess_into(image, preprocessing_, pixels_.data() + place * stride());
  if (is_for_device(image, preprocessing_)) {
    images_[place] = {.image = std::move(image), .is_ready = false};
  } else {
    images_[place] = {.image = resize_and_crop(image, preprocessing_), .is_ready = true};
  }
}

void ImageBatch::keep(std::span<const std::size_t> places) {
  std::size_t to = 0;
  for (const auto from : places) {
    if (from != to && images_.empty())
      std::copy_n(pixels_.begin() + static_cast<std::ptrdiff_t>(from * stride()), stride(),
                  pixels_.begin() + static_cast<std::ptrdiff_t>(to * stride()));
    if (from != to && !images_.empty()) images_[to] = std::move(images_[from]);
    ++to;
  }
  count_ = to;
  if (images_.empty()) {
    pixels_.resize(to * stride());
  } else {
    images_.resize(to);
  }
}

void ImageBatch::append(ImageBatch&& other) {
  pixels_.insert(pixels_.end(), other.pixels_.begin(), other.pixels_.end());
  std::move(other.images_.begin(), other.images_.end(), std::back_inserter(images_));
  count_ += other.count_;
}

}  // namespace clipdex::encoder
