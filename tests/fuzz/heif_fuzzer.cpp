// HEIC and AVIF: the file says which codec it needs.
#include "encoder/heif.h"
#include "tests/fuzz/image_fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  clipdex::fuzz::fuzz_decoder(data, size, [](auto bytes, const auto& limits) {
    return clipdex::encoder::decode_heif(bytes, clipdex::encoder::ImageFormat::kAvif, limits);
  });
  return 0;
}
