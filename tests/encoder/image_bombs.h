// Small files that ask for much: time, memory, frames, chunks. For the test that bounds memory and the benchmark that times them.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/encoder/bomb_bytes.h"
#include "tests/encoder/heif_bombs.h"
#include "tests/encoder/jpeg_bombs.h"
#include "tests/encoder/tiff_bombs.h"
#include "tests/encoder/webp_bombs.h"

namespace clipdex::tests {

namespace bombs {

inline void append_png_chunk(Bytes& png, const char* name, const Bytes& payload) {
  append(png, payload.size(), 4, Order::kBig);
  Bytes content = text(name);
  append(content, payload);
  append(png, content);
  append(png, ::crc32(0, content.data(), static_cast<uInt>(content.size())), 4, Order::kBig);
}

inline Bytes png(std::uint32_t side, const std::vector<std::pair<const char*, Bytes>>& before_pixels, const Bytes& pixels) {
  Bytes file = text("\x89PNG\r\n\x1A\n");
  Bytes header;
  append(header, side, 4, Order::kBig);
  append(header, side, 4, Order::kBig);
  append(header, Bytes{8, 2, 0, 0, 0});  // RGB of 8 bits
  append_png_chunk(file, "IHDR", header);
  for (const auto& [name, payload] : before_pixels) append_png_chunk(file, name, payload);
  append_png_chunk(file, "IDAT", pixels);
  append_png_chunk(file, "IEND", {});
  return file;
}

inline void append_png_bombs(std::vector<Bomb>& to) {
  const Bytes small = deflated_zeros(10 * 31);  // of 10 x 10
  to.push_back({"PNG of 50,000 x 50,000", png(50'000, {}, deflated_zeros(1 << 20))});
  to.push_back({"PNG of 7,900 x 7,900 without pixels", png(7'900, {}, deflated_zeros(1 << 10))});
  Bytes profile = text("icc");
  append(profile, Bytes{0, 0});
  append(profile, deflated_zeros(std::size_t{256} << 20));
  to.push_back({"PNG with a profile that inflates to 256 MiB", png(10, {{"iCCP", profile}}, small)});
  Bytes comment = text("Comment");
  append(comment, Bytes{0, 0});
  append(comment, deflated_zeros(std::size_t{7} << 20));
  to.push_back({"PNG with 500 texts that inflate to 7 MiB each",
                png(10, std::vector<std::pair<const char*, Bytes>>(500, {"zTXt", comment}), small)});
  to.push_back({"PNG with a text of 31 MiB", png(10, {{"tEXt", Bytes(std::size_t{31} << 20, 'x')}}, small)});
  to.push_back(
      {"PNG with 300,000 texts", png(10, std::vector<std::pair<const char*, Bytes>>(300'000, {"tEXt", Bytes{'a', 0, 'b'}}), small)});
  to.push_back({"PNG with an unknown chunk of 31 MiB", png(10, {{"abCd", Bytes(std::size_t{31} << 20)}}, small)});
}

inline Bytes gif(std::uint32_t side, std::uint32_t frame_side, int frames, bool interlaced) {
  Bytes file = text("GIF89a");
  append(file, side, 2, Order::kLittle);
  append(file, side, 2, Order::kLittle);
  append(file, Bytes{0x80, 0, 0, 0, 0, 0, 255, 255, 255});  // two colours
  for (int i = 0; i < frames; ++i) {
    append(file, Bytes{',', 0, 0, 0, 0});
    append(file, frame_side, 2, Order::kLittle);
    append(file, frame_side, 2, Order::kLittle);
    append(file, Bytes{static_cast<std::uint8_t>(interlaced ? 0x40 : 0), 2, 2, 0x44, 0x01, 0});  // one pixel
  }
  file.push_back(';');
  return file;
}

inline void append_gif_bombs(std::vector<Bomb>& to) {
  to.push_back({"GIF of 10,000 frames", gif(1, 1, 10'000, false)});
  to.push_back({"GIF of 65,535 x 65,535", gif(65'535, 65'535, 1, false)});
  to.push_back({"GIF of 7,900 x 7,900 without pixels", gif(7'900, 7'900, 1, false)});
  to.push_back({"GIF of 7,900 x 7,900 without pixels, interlaced", gif(7'900, 7'900, 1, true)});
  Bytes comments = gif(1, 1, 1, false);
  const auto frame = std::find(comments.begin() + 13, comments.end(), ',') - comments.begin();
  Bytes extension = {'!', 0xFE};
  for (int i = 0; i < 100'000; ++i) {
    extension.push_back(255);
    append(extension, Bytes(255, 'x'));
  }
  extension.push_back(0);
  comments.insert(comments.begin() + frame, extension.begin(), extension.end());
  to.push_back({"GIF with a comment of 25 MB", comments});
}

inline void append_bmp_bombs(std::vector<Bomb>& to) {
  const auto bmp = [](std::uint32_t side, std::uint16_t bits, std::uint32_t compression) {
    Bytes file = text("BM");
    append(file, 0, 8, Order::kLittle);
    for (const std::uint32_t value : {54U, 40U, side, side}) append(file, value, 4, Order::kLittle);
    append(file, 1, 2, Order::kLittle);
    append(file, bits, 2, Order::kLittle);
    for (const std::uint32_t value : {compression, 0U, 0U, 0U, bits == 8 ? 0xFFFFFFFFU : 0U, 0U}) append(file, value, 4, Order::kLittle);
    return file;
  };
  to.push_back({"BMP of 2,000,000,000 x 2,000,000,000", bmp(2'000'000'000, 24, 0)});
  to.push_back({"BMP of 7,900 x 7,900 without pixels", bmp(7'900, 24, 0)});
  Bytes runs = bmp(1, 8, 1);
  append(runs, Bytes(std::size_t{4} * 256));  // the palette
  runs[46] = runs[47] = runs[48] = runs[49] = 0;
  const auto header = static_cast<std::ptrdiff_t>(runs.size());
  runs.resize(std::size_t{32} << 20);
  for (auto at = runs.begin() + header; at < runs.end(); at += 2) *at = 0xFF;  // 255 times 0
  to.push_back({"BMP of 1 x 1 with 16,000,000 runs", runs});
  to.push_back({"BMP with a palette of 4,294,967,295 colours", bmp(7'900, 8, 1)});
}

}  // namespace bombs

// Every kind of hostile file that is known to us and answered within the limits.
inline std::vector<Bomb> image_bombs() {
  std::vector<Bomb> all;
  bombs::append_png_bombs(all);
  bombs::append_gif_bombs(all);
  bombs::append_webp_bombs(all);
  bombs::append_heif_bombs(all);
  bombs::append_tiff_bombs(all);
  bombs::append_bmp_bombs(all);
  all.push_back({"JPEG of 1,000 scans", bombs::jpeg_of_scans(2'000, 1'000)});
  all.push_back({"JPEG of 7,992 x 7,992 in 15 scans of next to no bytes", bombs::jpeg_of_runs(7'992, 13)});
  return all;
}

// What is known to go over the limits: about a second and 364 MiB.
inline std::vector<Bomb> unbounded_bombs() { return {{"WebP of 65,536 groups of Huffman codes", bombs::webp_of_huffman_groups()}}; }

}  // namespace clipdex::tests
