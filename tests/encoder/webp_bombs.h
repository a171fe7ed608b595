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

// junk: bytes behind each frame's picture.
inline Bytes webp_animation(std::uint32_t side, std::uint32_t frame_side, int frames, bool whole = false, std::size_t junk = 0) {
  Bytes header = {0x02, 0, 0, 0};
  for (int i = 0; i < 2; ++i) append(header, side - 1, 3, Order::kLittle);
  Bytes frame(6);
  for (int i = 0; i < 2; ++i) append(frame, frame_side - 1, 3, Order::kLittle);
  append(frame, Bytes(4));
  append(frame, webp_pixels(frame_side, whole));
  append(frame, Bytes(junk, 'x'));
  Bytes chunks = riff_chunk("VP8X", header);
  append(chunks, riff_chunk("ANIM", Bytes(6)));
  for (int i = 0; i < frames; ++i) append(chunks, riff_chunk("ANMF", frame));
  return riff(chunks);
}

// Least significant bit first.
class BitWriter {
 public:
  void put(std::uint32_t value, int bits) {
    for (int i = 0; i < bits; ++i, ++count_) {
      if (count_ % 8 == 0) bytes_.push_back(0);
      bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | (value >> i & 1) << count_ % 8);
    }
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::size_t count_ = 0;
};

// A lossless picture of 1,024 x 1,024 whose every 4 x 4 pixels have Huffman codes of their own: 65,536 groups of five, the most there are.
// (WebP Lossless Bitstream Specification, 5 and 6.) libwebp makes tables for all of them, 5.5 KB a group and up to 20 KB where codes are
// longer than here, and has no limit for it; and how many groups there are stands in a picture that is itself entropy-coded, behind the
// transforms', so that nothing short of a decoder of that format could count them before.
inline Bytes webp_of_huffman_groups() {
  constexpr std::uint32_t kSide = 1'024, kGroups = 65'536;
  BitWriter bits;
  bits.put(0x2F, 8);
  bits.put(kSide - 1, 14);
  bits.put(kSide - 1, 14);
  bits.put(0, 1 + 3);                     // no alpha, version 0
  bits.put(0, 1 + 1);                     // no transform, no colour cache
  bits.put(1, 1);                         // the picture of groups follows
  bits.put(0, 3);                         // for blocks of 4 x 4
  bits.put(0, 1);                         // without a cache
  for (int code = 0; code < 2; ++code) {  // green and red: 256 symbols of 8 bits
    bits.put(0, 1);
    bits.put(12 - 4, 4);
    for (int i = 0; i < 12; ++i) bits.put(i == 11 ? 1 : 0, 3);  // the one length is 8
    bits.put(1, 1);
    bits.put(3, 3);
    bits.put(254, 8);  // 2 + 254 lengths
  }
  constexpr std::uint32_t kOneSymbol = 0b0001;  // simple, one symbol, in one bit: 0
  for (int code = 0; code < 3; ++code) bits.put(kOneSymbol, 4);
  for (std::uint32_t group = 0; group < kGroups; ++group) bits.put(group, 16);
  for (std::uint32_t group = 0; group < kGroups; ++group) bits.put(0x11111, 20);
  return riff(riff_chunk("VP8L", bits.bytes()));
}

inline void append_webp_bombs(std::vector<Bomb>& to) {
  to.push_back({"WebP of 16,384 x 16,384", riff(webp_pixels(16'384))});
  to.push_back({"WebP of 7,900 x 7,900 without pixels", riff(webp_pixels(7'900))});
  to.push_back({"WebP animation on 16,777,216 x 16,777,216", webp_animation(1U << 24, 1, 1)});
  to.push_back({"WebP animation of 7,900 x 7,900 without pixels", webp_animation(7'900, 7'900, 1)});
  to.push_back({"WebP animation of 7,900 x 7,900 with a damaged frame of 16 x 16", webp_animation(7'900, 16, 1, false, 250'000)});
  to.push_back({"WebP animation of 500,000 frames", webp_animation(4, 4, 500'000, true)});
}

}  // namespace clipdex::tests::bombs
