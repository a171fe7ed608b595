#include "encoder/gif.h"
#include "tests/fuzz/image_fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  clipdex::fuzz::fuzz_decoder(data, size, clipdex::encoder::decode_gif);
  return 0;
}
