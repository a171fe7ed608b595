// JPEG files that ask for much.
#pragma once

#include <turbojpeg.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "tests/encoder/bomb_bytes.h"

namespace clipdex::tests::bombs {

inline Bytes jpeg_of_pixels(int side, bool progressive) {
  const std::unique_ptr<void, int (*)(void*)> handle(::tjInitCompress(), ::tjDestroy);
  const Bytes pixels(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 128);  // scans of few bytes
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const int flags = progressive ? TJFLAG_PROGRESSIVE : 0;
  if (::tjCompress2(handle.get(), pixels.data(), side, 0, side, TJPF_GRAY, &data, &size, TJSAMP_GRAY, 75, flags) != 0)
    throw std::runtime_error("TurboJPEG failed");
  const Bytes file(data, data + size);
  ::tjFree(data);
  return file;
}

// A progressive JPEG of one scan, `scans` times.
inline Bytes jpeg_of_scans(int side, int scans) {
  const Bytes file = jpeg_of_pixels(side, true);
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

// A progressive JPEG of a gray picture whose every scan but the first says, in runs of 32,767 blocks, that nothing changes: one over the DC
// coefficients at a bit a block, one over the others, and `refinements` of their lower bits.
inline Bytes jpeg_of_runs(int side, int refinements) {
  Bytes file = {0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0};
  append(file, Bytes(64, 1));
  append(file, Bytes{0xFF, 0xC2, 0, 11, 8});
  for (int i = 0; i < 2; ++i) append(file, static_cast<std::uint64_t>(side), 2, Order::kBig);
  append(file, Bytes{1, 1, 0x11, 0});
  // One code of one bit in each table: no difference, and a run of up to 32,767 blocks without coefficients.
  constexpr std::uint8_t kLongestRun = 0xE0;
  for (const auto& [table, symbol] : {std::pair<std::uint8_t, std::uint8_t>{0x00, 0}, {0x10, kLongestRun}}) {
    append(file, Bytes{0xFF, 0xC4, 0, 20, table, 1});
    append(file, Bytes(15));
    file.push_back(symbol);
  }
  const std::size_t blocks = static_cast<std::size_t>((side + 7) / 8) * static_cast<std::size_t>((side + 7) / 8);
  append(file, Bytes{0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0});
  append(file, Bytes(blocks / 8 + 1));
  constexpr std::size_t kRun = 32'767;
  Bytes runs;
  unsigned bits = 0, count = 0;
  for (std::size_t left = blocks; left > 0; left -= std::min(left, kRun)) {
    bits = bits << 15 | ((1U << 14) - 1);  // the code, 0, and 14 bits that are added to 16,384
    for (count += 15; count >= 8; count -= 8) {
      runs.push_back(static_cast<std::uint8_t>(bits >> (count - 8)));
      if (runs.back() == 0xFF) runs.push_back(0);
    }
    bits &= 0xFF;
  }
  runs.push_back(static_cast<std::uint8_t>(bits << (8 - count)));
  for (int i = 0; i <= refinements; ++i) {
    const int low = refinements - i, high = i == 0 ? 0 : low + 1;
    append(file, Bytes{0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, static_cast<std::uint8_t>(high << 4 | low)});
    append(file, runs);
  }
  append(file, Bytes{0xFF, 0xD9});
  return file;
}

}  // namespace clipdex::tests::bombs
