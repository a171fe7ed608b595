#include <zlib.h>

#include <vector>

#include "encoder/png.h"
#include "tests/fuzz/image_fuzzing.h"

namespace {

// With right checksums: otherwise nearly all that a fuzzer does ends at the first wrong one.
std::vector<std::uint8_t> with_checksums(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kSignatureBytes = 8, kNumberBytes = 4;
  std::vector<std::uint8_t> file(data, data + size);
  for (std::size_t at = kSignatureBytes; at + 3 * kNumberBytes <= file.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < kNumberBytes; ++i) length = length << 8 | file[at + i];
    const std::size_t content = at + kNumberBytes;
    if (length > file.size() - at - 3 * kNumberBytes) break;
    const auto checksum = static_cast<std::uint32_t>(::crc32(0, file.data() + content, static_cast<uInt>(length + kNumberBytes)));
    at = content + kNumberBytes + length;
    for (std::size_t i = 0; i < kNumberBytes; ++i) file[at + i] = static_cast<std::uint8_t>(checksum >> (24 - 8 * i));
    at += kNumberBytes;
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  clipdex::fuzz::fuzz_decoder(data, size, clipdex::encoder::decode_png);
  const auto repaired = with_checksums(data, size);
  clipdex::fuzz::fuzz_decoder(repaired.data(), repaired.size(), clipdex::encoder::decode_png);
  return 0;
}
