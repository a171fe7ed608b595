// JPEG files that ask for much.
#pragma once

#include <turbojpeg.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "tests/encoder/bomb_bytes.h"

namespace clipdex::tests::bombs {

// A progressive JPEG of one scan, `scans` times.
inline Bytes jpeg_of_scans(int side, int scans) {
  const std::unique_ptr<void, int (*)(void*)> handle(::tjInitCompress(), ::tjDestroy);
  const Bytes pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 128);  // scans of few bytes
  unsigned char* data = nullptr;
  unsigned long size = 0;
  if (::tjCompress2(handle.get(), pixels.data(), side, 0, side, TJPF_GRAY, &data, &size, TJSAMP_GRAY, 75, TJFLAG_PROGRESSIVE) != 0)
    throw std::runtime_error("TurboJPEG failed");
  const Bytes file(data, data + size);
  ::tjFree(data);
  // The first scan holds the DC coefficients without their last bit: said to be with it, it may be repeated without a warning.
  constexpr std::uint8_t kScanMarker[] = {0xFF, 0xDA};
  constexpr std::ptrdiff_t kPrecisionAt = 9;  // of a scan of one component
  const auto scan = std::search(file.begin(), file.end(), std::begin(kScanMarker), std::end(kScanMarker));
  auto end = scan + kPrecisionAt + 1;
  while (end + 1 < file.end() && (end[0] != 0xFF || end[1] == 0)) ++end;
  Bytes bomb(file.begin(), scan), repeated(scan, end);
  repeated[kPrecisionAt] = 0;
  for (int i = 0; i < scans; ++i) append(bomb, repeated);
  append(bomb, Bytes{0xFF, 0xD9});
  return bomb;
}

}  // namespace clipdex::tests::bombs
