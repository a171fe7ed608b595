// TIFF files that ask for much.
#pragma once

#include <algorithm>

#include "tests/encoder/bomb_bytes.h"
#include "tests/encoder/jpeg_bombs.h"

namespace clipdex::tests::bombs {

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

// RGB of 16 bits and 8 samples, all of it one tile of which next to nothing is there.
inline Bytes tiff_of_one_tile() {
  constexpr std::uint16_t kShort = 3, kLong = 4, kTags = 10;
  constexpr std::uint32_t kBehind = 8 + 2 + 12 * kTags + 4;
  Bytes behind;
  for (int i = 0; i < 8; ++i) append(behind, 16, 2, Order::kLittle);
  append(behind, Bytes(100, 'x'));
  return tiff({{256, kLong, 1, 7'900},
               {257, kLong, 1, 7'900},
               {258, kShort, 8, kBehind},
               {259, kShort, 1, 8},
               {262, kShort, 1, 2},
               {277, kShort, 1, 8},
               {322, kLong, 1, 7'904},
               {323, kLong, 1, 7'904},
               {324, kLong, 1, kBehind + 16},
               {325, kLong, 1, 100}},
              behind);
}

// Subsampled YCbCr in one strip of Deflate, of which next to nothing is there.
inline Bytes tiff_of_ycbcr() {
  constexpr std::uint16_t kShort = 3, kLong = 4, kTags = 9;
  constexpr std::uint32_t kBehind = 8 + 2 + 12 * kTags + 4;
  Bytes behind;
  for (int i = 0; i < 3; ++i) append(behind, 8, 2, Order::kLittle);
  append(behind, Bytes(100, 'x'));
  return tiff({{256, kLong, 1, 4'700},
               {257, kLong, 1, 4'700},
               {258, kShort, 3, kBehind},
               {259, kShort, 1, 8},
               {262, kShort, 1, 6},
               {273, kLong, 1, kBehind + 6},
               {277, kShort, 1, 3},
               {278, kLong, 1, 4'700},
               {279, kLong, 1, 100}},
              behind);
}

// A gray picture of side x side in `strips` strips or tiles, all of which are the same bytes.
inline Bytes tiff_of_shared_data(std::uint32_t side, std::uint16_t compression, bool tiled, std::uint32_t segment_side,
                                 std::uint32_t segments, const Bytes& data) {
  constexpr std::uint16_t kShort = 3, kLong = 4;
  const std::uint32_t tags = tiled ? 9 : 8, arrays = 8 + 2 + 12 * tags + 4, data_at = arrays + 8 * segments;
  Bytes behind;
  for (std::uint32_t i = 0; i < segments; ++i) append(behind, data_at, 4, Order::kLittle);
  for (std::uint32_t i = 0; i < segments; ++i) append(behind, data.size(), 4, Order::kLittle);
  append(behind, data);
  const auto size = static_cast<std::uint32_t>(data.size());
  const TiffTag offsets = {static_cast<std::uint16_t>(tiled ? 324 : 273), kLong, segments, segments == 1 ? data_at : arrays};
  const TiffTag counts = {static_cast<std::uint16_t>(tiled ? 325 : 279), kLong, segments, segments == 1 ? size : arrays + 4 * segments};
  std::vector<TiffTag> all = {
      {256, kLong, 1, side}, {257, kLong, 1, side}, {258, kShort, 1, 8}, {259, kShort, 1, compression}, {262, kShort, 1, 1}};
  if (tiled) {
    for (const auto& tag : {TiffTag{322, kLong, 1, segment_side}, {323, kLong, 1, segment_side}, offsets, counts}) all.push_back(tag);
  } else {
    for (const auto& tag : {offsets, TiffTag{278, kLong, 1, segment_side}, counts}) all.push_back(tag);
  }
  return tiff(all, behind);
}

// What costs a decoder time beyond the bytes that it stores.
inline void append_tiff_time_bombs(std::vector<Bomb>& to) {
  constexpr std::uint16_t kDeflate = 8, kJpeg = 7;
  to.push_back({"TIFF of 8 samples in one tile of 7,904 x 7,904", tiff_of_one_tile()});
  to.push_back({"TIFF of YCbCr without pixels", tiff_of_ycbcr()});
  to.push_back({"TIFF of a JPEG of 95 scans", tiff_of_shared_data(6'000, kJpeg, false, 6'000, 1, jpeg_of_scans(6'000, 95))});
  to.push_back({"TIFF of 100 times the same JPEG of 95 scans", tiff_of_shared_data(5'000, kJpeg, true, 512, 100, jpeg_of_scans(512, 95))});
  to.push_back({"TIFF of 62,500 times the same JPEG", tiff_of_shared_data(4'000, kJpeg, true, 16, 62'500, jpeg_of_pixels(16, false))});
  Bytes nothing = {0x78, 0x9C};  // deflated, in blocks of no bytes
  for (int i = 0; i < 200'000; ++i) append(nothing, Bytes{0, 0, 0, 0xFF, 0xFF});
  const Bytes row = deflated_zeros(7'900);
  nothing.insert(nothing.end(), row.begin() + 2, row.end());
  to.push_back({"TIFF of 7,900 times the same 200,000 empty blocks", tiff_of_shared_data(7'900, kDeflate, false, 1, 7'900, nothing)});
  to.push_back({"TIFF of 2,048 tiles that reach 16 MiB beyond the picture", [] {
                  Bytes file = tiff_of_shared_data(16, kDeflate, true, 16, 2'048, deflated_zeros(std::size_t{16} << 20));
                  const auto set = [&](std::size_t tag, std::uint32_t value) {
                    Bytes number;
                    append(number, value, 4, Order::kLittle);
                    std::copy(number.begin(), number.end(), file.begin() + static_cast<std::ptrdiff_t>(10 + 12 * tag + 8));
                  };
                  set(0, 32'768);     // wide, and
                  set(1, 1);          // a row, in tiles of
                  set(6, 1'048'576);  // as many rows
                  return file;
                }()});
}

inline void append_tiff_bombs(std::vector<Bomb>& to) {
  append_tiff_time_bombs(to);
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

}  // namespace clipdex::tests::bombs
