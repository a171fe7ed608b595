// TIFF files that ask for much.
#pragma once

#include "tests/encoder/bomb_bytes.h"

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

}  // namespace clipdex::tests::bombs
