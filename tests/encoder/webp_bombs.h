// WebP files that ask for much.
#pragma once

#include "tests/encoder/bomb_bytes.h"

namespace clipdex::tests::bombs {

inline Bytes riff(const Bytes& chunks) {
  Bytes file = text("RIFF");
  append(file, chunks.size() + 4, 4, Order::kLittle);
  append(file, text("WEBP"));
  append(file, chunks);
  return file;
}

inline Bytes riff_chunk(const char* name, const Bytes& payload) {
  Bytes out = text(name);
  append(out, payload.size(), 4, Order::kLittle);
  append(out, payload);
  if (payload.size() % 2 != 0) out.push_back(0);
  return out;
}

// A lossless picture: one of black pixels alone, or a header with nothing of use behind it.
inline Bytes webp_pixels(std::uint32_t side, bool whole = false) {
  Bytes payload = {0x2F};
  append(payload, (side - 1) | (side - 1) << 14, 4, Order::kLittle);
  // No transforms, no cache, one group of five codes, each of the one symbol 0.
  append(payload, whole ? Bytes{0x88, 0x88, 0x08, 0} : Bytes(16));
  return riff_chunk("VP8L", payload);
}

inline Bytes webp_animation(std::uint32_t side, std::uint32_t frame_side, int frames, bool whole = false) {
  Bytes header = {0x02, 0, 0, 0};
  for (int i = 0; i < 2; ++i) append(header, side - 1, 3, Order::kLittle);
  Bytes frame(6);
  for (int i = 0; i < 2; ++i) append(frame, frame_side - 1, 3, Order::kLittle);
  append(frame, Bytes(4));
  append(frame, webp_pixels(frame_side, whole));
  Bytes chunks = riff_chunk("VP8X", header);
  append(chunks, riff_chunk("ANIM", Bytes(6)));
  for (int i = 0; i < frames; ++i) append(chunks, riff_chunk("ANMF", frame));
  return riff(chunks);
}

inline void append_webp_bombs(std::vector<Bomb>& to) {
  to.push_back({"WebP of 16,384 x 16,384", riff(webp_pixels(16'384))});
  to.push_back({"WebP of 7,900 x 7,900 without pixels", riff(webp_pixels(7'900))});
  to.push_back({"WebP animation on 16,777,216 x 16,777,216", webp_animation(1U << 24, 1, 1)});
  to.push_back({"WebP animation of 7,900 x 7,900 without pixels", webp_animation(7'900, 7'900, 1)});
  to.push_back({"WebP animation of 500,000 frames", webp_animation(4, 4, 500'000, true)});
}

}  // namespace clipdex::tests::bombs
