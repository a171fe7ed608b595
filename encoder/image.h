// A decoded picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace clipdex::encoder {

enum class ImageFormat { kJpeg, kPng, kWebp, kGif, kHeic, kAvif, kTiff, kBmp };

// Lower-case name as it stands in records and answers: "jpeg", "png", "webp", "gif", "heic", "avif", "tiff", "bmp". Behind "image/" it
// is the format's media type.
std::string_view image_format_name(ImageFormat format);

// Memory for a picture's samples; large pictures get huge pages where the system has them: handing out 36 MB in pages of 4 KiB can take
// half as long as decoding into them. Throws std::bad_alloc.
void* allocate_pixels(std::size_t bytes);
void free_pixels(void* pixels);

// Leaves new elements as memory has them: a decoder writes every byte of a picture, and clearing them before that costs as much as the
// resize that follows.
template <typename T>
struct UninitializedAllocator {
  using value_type = T;
  UninitializedAllocator() = default;
  template <typename U>
  UninitializedAllocator(const UninitializedAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_pixels(n * sizeof(T))); }
  void deallocate(T* at, std::size_t) noexcept { free_pixels(at); }
  bool operator==(const UninitializedAllocator&) const = default;
  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    std::construct_at(at, std::forward<Arguments>(arguments)...);
  }
};

// Pixels(n) and resize(n) leave the samples unset; Pixels(n, 0) clears them.
using Pixels = std::vector<std::uint8_t, UninitializedAllocator<std::uint8_t>>;

// In pixels, with fractions.
struct Rectangle {
  double left = 0, top = 0, width = 0, height = 0;
};

// 8-bit samples, row-major, interleaved: `pixels` has size height * width * channels.
// channels: 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA (alpha not premultiplied).
// A plain value: safe to read from many threads, not to change while others read.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  // Palette and 1-bit pictures: Pillow resizes those with the nearest neighbour, and so do we where the reference does.
  bool indexed = false;
  ImageFormat format = ImageFormat::kJpeg;
  Pixels pixels;
  // Of a picture that was decoded at a reduced size (DecodeOptions): the size of the whole, upright; 0 otherwise.
  int full_width = 0, full_height = 0;
  // And which part of `pixels` is the whole: sides are rounded up to full pixels. Empty otherwise.
  Rectangle extent{};
};

// The size that the file says, upright.
inline int whole_width(const Image& image) { return image.full_width > 0 ? image.full_width : image.width; }
inline int whole_height(const Image& image) { return image.full_height > 0 ? image.full_height : image.height; }

}  // namespace clipdex::encoder
