// How long do files that ask for much keep a decoder busy, and with how much memory? The limits are 200 ms and 64 MiB a file.
#include "tests/encoder/image_bombs.h"

#include <cstdio>

#include "encoder/image_decoder.h"
#include "tests/encoder/decoding_memory.h"

int main() {
  constexpr double kMillisecondsMax = 200, kMebibytesMax = 64;
  for (const auto* seed : {"heic", "avif"})
    clipdex::encoder::decode_image(clipdex::tests::bombs::read_seed(seed));  // loads their libraries
  int over = 0;
  std::printf("%8s %8s %10s  (limits: %.0f ms, %.0f MiB)\n", "ms", "MiB", "bytes", kMillisecondsMax, kMebibytesMax);
  for (const auto& bomb : clipdex::tests::image_bombs()) {
    const auto cost = clipdex::tests::cost_of_decoding(bomb.bytes);
    if (!cost) {
      ++over;
      std::printf("%s: the process died\n", bomb.name.c_str());
      continue;
    }
    const bool within = cost->milliseconds <= kMillisecondsMax && cost->mebibytes <= kMebibytesMax;
    over += within ? 0 : 1;
    std::printf("%8.1f %8.1f %10zu  %s%s: %s\n", cost->milliseconds, cost->mebibytes, bomb.bytes.size(),
                within ? "" : "OVER: ", bomb.name.c_str(), cost->answer);
  }
  std::printf("%d over the limits\n", over);
  for (const auto& bomb : clipdex::tests::unbounded_bombs()) {
    const auto cost = clipdex::tests::cost_of_decoding(bomb.bytes);
    if (cost)
      std::printf("%8.1f %8.1f %10zu  not bounded, and known: %s\n", cost->milliseconds, cost->mebibytes, bomb.bytes.size(),
                  bomb.name.c_str());
  }
  return over == 0 ? 0 : 1;
}
