// One picture decoder under a fuzzer, whatever the bytes look like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "encoder/image_decoder.h"

namespace clipdex::fuzz {

// Small, so that fuzzing gets through many files. What a file can cost that claims a large picture never shows here: that is what
// tests/encoder/image_bombs.h and the benchmark of its files are for.
inline constexpr encoder::ImageLimits kFuzzedLimits = {.bytes_max = std::size_t{1} << 20, .pixels_max = 100'000, .side_max = 2'000};

// decode: a function from bytes and limits to an image.
template <typename Decode>
void fuzz_decoder(const std::uint8_t* data, std::size_t size, Decode decode) {
  try {
    const encoder::Image image = decode(std::span(data, size), kFuzzedLimits);
    const auto samples =
        static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.channels);
    // A picture is whole and within the limits.
    if (image.pixels.size() != samples || image.width < 1 || image.height < 1 || image.channels < 1 || image.channels > 4 ||
        static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height) > kFuzzedLimits.pixels_max)
      __builtin_trap();
  } catch (const encoder::ImageError&) {
    // Refused, which is what most inputs deserve.
  } catch (const std::bad_alloc&) {
    // decode_image makes an ImageError of it.
  }
}

}  // namespace clipdex::fuzz
