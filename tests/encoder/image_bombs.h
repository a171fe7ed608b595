// Small files that ask for much: time, memory, frames, chunks. For the test that bounds memory and the benchmark that times them.
#pragma once

#include <turbojpeg.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::tests {

struct Bomb {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

namespace bombs {

using Bytes = std::vector<std::uint8_t>;

enum class Order { kLittle, kBig };

inline void append(Bytes& to, std::uint64_t value, int bytes, Order order) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> 8 * (order == Order::kLittle ? i : bytes - 1 - i)));
}

inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

inline Bytes text(std::string_view characters) { return {characters.begin(), characters.end()}; }

// size zero bytes, compressed: a thousandth of that.
inline Bytes deflated_zeros(std::size_t size) {
  const Bytes zeros(size);
  Bytes out(::compressBound(size));
  uLongf length = out.size();
  if (::compress(out.data(), &length, zeros.data(), size) != Z_OK) throw std::runtime_error("zlib failed");
  out.resize(length);
  return out;
}

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

struct TiffTag {
  std::uint16_t tag, type;
  std::uint32_t count, value;
};

inline Bytes tiff(const std::vector<TiffTag>& tags, const Bytes& behind = {}) {
  Bytes file = text("II");
  append(file, 42, 2, Order::kLittle);
  append(file, 8, 4, Order::kLittle);
  append(file, tags.size(), 2, Order::kLittle);
  for (const auto& tag : tags) {
    append(file, tag.tag, 2, Order::kLittle);
    append(file, tag.type, 2, Order::kLittle);
    append(file, tag.count, 4, Order::kLittle);
    append(file, tag.value, 4, Order::kLittle);
  }
  append(file, 0, 4, Order::kLittle);
  append(file, behind);
  return file;
}

inline void append_tiff_bombs(std::vector<Bomb>& to) {
  constexpr std::uint16_t kShort = 3, kLong = 4;
  const auto of_size = [](std::uint32_t side, std::uint16_t compression, std::vector<TiffTag> more, const Bytes& behind = {}) {
    std::vector<TiffTag> tags = {
        {256, kLong, 1, side}, {257, kLong, 1, side}, {258, kShort, 1, 8}, {259, kShort, 1, compression}, {262, kShort, 1, 1}};
    tags.insert(tags.end(), more.begin(), more.end());
    return tiff(tags, behind);
  };
  constexpr std::uint16_t kNone = 1, kLzw = 5, kDeflate = 8;
  const TiffTag offset = {273, kLong, 1, 8}, count = {279, kLong, 1, 100};
  to.push_back({"TIFF of 4,000,000,000 x 4,000,000,000", of_size(4'000'000'000, kNone, {offset, count})});
  to.push_back({"TIFF of 7,900 x 7,900 without pixels", of_size(7'900, kDeflate, {offset, {278, kLong, 1, 7'900}, count})});
  to.push_back({"TIFF in one strip of 4,294,967,295 rows", of_size(7'900, kLzw, {offset, {278, kLong, 1, 0xFFFFFFFF}, count})});
  to.push_back(
      {"TIFF in tiles of 2,000,000,000 x 2,000,000,000",
       of_size(100, kNone, {{322, kLong, 1, 2'000'000'000}, {323, kLong, 1, 2'000'000'000}, {324, kLong, 1, 8}, {325, kLong, 1, 100}})});
  to.push_back({"TIFF in tiles of 60,000 x 60,000",
                of_size(100, kDeflate, {{322, kLong, 1, 60'000}, {323, kLong, 1, 60'000}, {324, kLong, 1, 8}, {325, kLong, 1, 100}})});
  to.push_back(
      {"TIFF in 62,410,000 tiles of 1 x 1",
       of_size(7'900, kNone, {{322, kLong, 1, 1}, {323, kLong, 1, 1}, {324, kLong, 62'410'000, 200}, {325, kLong, 62'410'000, 200}})});
  to.push_back(
      {"TIFF with 1,000,000,000 offsets", of_size(7'900, kNone, {{273, kLong, 1'000'000'000, 200}, {279, kLong, 1'000'000'000, 200}})});
  to.push_back({"TIFF with a text of 4,000,000,000 bytes", of_size(10, kNone, {offset, count, {315, 2, 4'000'000'000, 8}})});
  to.push_back({"TIFF with 60,000 tags", of_size(10, kNone, std::vector<TiffTag>(60'000, {40'000, kLong, 1, 7}))});
}

inline Bytes read_seed(const char* name) {
  std::ifstream stream(std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/fuzz/seeds/heif" / name, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(stream), {}};
  if (bytes.empty()) throw std::runtime_error(std::string("there is no seed ") + name);
  return bytes;
}

// The seed with `value` written over the 4 bytes at `offset` behind the first box of that name.
inline Bytes patched(const char* seed, std::string_view box, std::size_t offset, std::uint32_t value) {
  Bytes file = read_seed(seed);
  const auto at = std::search(file.begin(), file.end(), box.begin(), box.end());
  if (at == file.end()) throw std::runtime_error("the seed has no such box");
  Bytes number;
  append(number, value, 4, Order::kBig);
  std::copy(number.begin(), number.end(), at + static_cast<std::ptrdiff_t>(box.size() + offset));
  return file;
}

inline void append_heif_bombs(std::vector<Bomb>& to) {
  for (const auto* seed : {"heic", "avif"}) {
    const std::string name = seed == std::string("heic") ? "HEIC" : "AVIF";
    auto huge = patched(seed, "ispe", 4, 50'000);
    const auto at = std::search(huge.begin(), huge.end(), std::begin("ispe"), std::begin("ispe") + 4) + 12;
    Bytes side;
    append(side, 50'000, 4, Order::kBig);
    std::copy(side.begin(), side.end(), at);
    to.push_back({name + " of 50,000 x 50,000", huge});
    to.push_back({name + " of 7,900 pixels width without them", patched(seed, "ispe", 4, 7'900)});
    to.push_back({name + " with 65,535 items", patched(seed, "iinf", 4, 0xFFFF0000)});
    to.push_back({name + " with 65,535 locations", patched(seed, "iloc", 4, 0x4400FFFF)});
    Bytes boxes =
        text(std::string_view("\0\0\0\x18"
                              "ftyp",
                              8));
    append(boxes, text(std::string_view(name == "HEIC" ? "heic\0\0\0\0mif1heic" : "avif\0\0\0\0mif1avif", 16)));
    for (int i = 0; i < 4'000'000; ++i)
      append(boxes, text(std::string_view("\0\0\0\x08"
                                          "free",
                                          8)));
    to.push_back({name + " with 4,000,000 boxes", boxes});
    Bytes nested =
        text(std::string_view("\0\0\0\x18"
                              "ftyp",
                              8));
    append(nested, text(std::string_view(name == "HEIC" ? "heic\0\0\0\0mif1heic" : "avif\0\0\0\0mif1avif", 16)));
    for (std::uint32_t i = 0; i < 100'000; ++i) {
      append(nested, (100'000 - i) * 12, 4, Order::kBig);
      append(nested, text("meta"));
      append(nested, 0, 4, Order::kBig);
    }
    to.push_back({name + " of 100,000 boxes within each other", nested});
  }
}

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
  to.push_back({"BMP with a palette of 4,294,967,295 colours", bmp(7'900, 8, 1)});
}

}  // namespace bombs

inline std::vector<Bomb> image_bombs() {
  std::vector<Bomb> all;
  bombs::append_png_bombs(all);
  bombs::append_gif_bombs(all);
  bombs::append_webp_bombs(all);
  bombs::append_heif_bombs(all);
  bombs::append_tiff_bombs(all);
  bombs::append_bmp_bombs(all);
  all.push_back({"JPEG of 1,000 scans", bombs::jpeg_of_scans(2'000, 1'000)});
  return all;
}

}  // namespace clipdex::tests
