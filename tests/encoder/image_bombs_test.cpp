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
TEST_CASE("no picture file makes the decoders take more than 64 MiB for what is no picture") {
  for (const auto* seed : {"heic", "avif"}) CHECK(encoder::decode_image(bombs::read_seed(seed)).width == 48);  // loads their libraries
  for (const auto& bomb : image_bombs()) {
    INFO(bomb.name);
    const auto cost = cost_of_decoding(bomb.bytes);
    REQUIRE(cost);
    INFO(cost->answer);
    if (kMemoryIsOurs) CHECK(cost->mebibytes <= 64);
  }
}

}  // namespace
}  // namespace clipdex::tests
