#include "encoder/image.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace clipdex::encoder {

void* allocate_pixels(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20, kLarge = 4 * kHugePage;
  void* pixels = nullptr;
  if (bytes < kLarge) {
    pixels = std::malloc(bytes);
  } else {
    const std::size_t whole_pages = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    pixels = std::aligned_alloc(kHugePage, whole_pages);
    if (pixels != nullptr) ::madvise(pixels, whole_pages, MADV_HUGEPAGE);  // a wish; without it everything works as well
  }
  if (pixels == nullptr) throw std::bad_alloc();
  return pixels;
}

void free_pixels(void* pixels) { std::free(pixels); }

}  // namespace clipdex::encoder
