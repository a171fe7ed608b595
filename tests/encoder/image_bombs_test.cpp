#include "tests/encoder/image_bombs.h"

#include <catch2/catch_test_macros.hpp>

#include "encoder/image_decoder.h"
#include "tests/encoder/decoding_memory.h"

namespace clipdex::tests {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsOurs = false;  // a sanitizer's own counts too
#else
constexpr bool kMemoryIsOurs = true;
#endif

// benchmarks/image_bombs.cpp says how long each takes.
TEST_CASE("no file of the collection of hostile pictures makes a decoder take more than 64 MiB for what is no picture") {
  for (const auto* seed : {"heic", "avif"}) CHECK(encoder::decode_image(bombs::read_seed(seed)).width == 48);  // loads their libraries
  for (const auto& bomb : image_bombs()) {
    INFO(bomb.name);
    const auto cost = cost_of_decoding(bomb.bytes);
    REQUIRE(cost);
    INFO(cost->answer);
    if (kMemoryIsOurs) CHECK(cost->mebibytes <= 64);
  }
}

// When this fails because less is taken, libwebp or we have learnt to bound it: then the file belongs to the others.
TEST_CASE("the known exception, a WebP file of 65,536 groups of Huffman codes, takes the memory of libwebp's tables and no more") {
  for (const auto& bomb : unbounded_bombs()) {
    INFO(bomb.name);
    const auto cost = cost_of_decoding(bomb.bytes);
    REQUIRE(cost);
    if (kMemoryIsOurs) {
      CHECK(cost->mebibytes <= 400);
      CHECK(cost->mebibytes > 64);
    }
  }
}

}  // namespace
}  // namespace clipdex::tests
