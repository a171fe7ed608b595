// HEIC and AVIF files that ask for much.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/encoder/bomb_bytes.h"

namespace clipdex::tests::bombs {

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

// What follows writes files of chosen items: ISO/IEC 14496-12 and 23008-12.
inline Bytes box(std::string_view name, const std::vector<Bytes>& parts) {
  Bytes out(4);
  append(out, text(name));
  for (const auto& part : parts) append(out, part);
  Bytes size;
  append(size, out.size(), 4, Order::kBig);
  std::copy(size.begin(), size.end(), out.begin());
  return out;
}

inline Bytes numbers(const std::vector<std::uint32_t>& values, int bytes) {
  Bytes out;
  for (const auto value : values) append(out, value, bytes, Order::kBig);
  return out;
}

// The first box of that name in a seed, whole.
inline Bytes box_of(const Bytes& file, std::string_view name) {
  const auto at = std::search(file.begin(), file.end(), name.begin(), name.end()) - 4;
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) size = size << 8 | at[i];
  return {at, at + static_cast<std::ptrdiff_t>(size)};
}

// The coded picture of a seed that has no other data.
inline Bytes coded_picture(const Bytes& seed) {
  const Bytes whole = box_of(seed, "mdat");
  return {whole.begin() + 8, whole.end()};
}

struct HeifItem {
  std::string type;
  Bytes data;
  std::uint32_t width = 0, height = 0;
  Bytes configuration = {};                 // hvcC or av1C
  std::vector<std::uint32_t> made_of = {};  // from 1 on, as `dimg` says it
  std::uint32_t alpha_of = 0;               // as `auxl` says it
};

// The first item is the primary one.
inline Bytes heif_of_items(std::string_view brand, const std::vector<HeifItem>& items) {
  Bytes entries, locations, references, properties, associations, data;
  std::uint32_t id = 0, property = 0;
  for (const auto& item : items) {
    ++id;
    append(entries, box("infe", {numbers({2U << 24}, 4), numbers({id, 0}, 2), text(item.type), Bytes(1)}));
    append(locations, numbers({id, 1, 0, 1}, 2));  // in idat, in one piece
    append(locations, numbers({static_cast<std::uint32_t>(data.size()), static_cast<std::uint32_t>(item.data.size())}, 4));
    append(data, item.data);
    if (!item.made_of.empty()) {
      Bytes made_of = numbers({id, static_cast<std::uint32_t>(item.made_of.size())}, 2);
      append(made_of, numbers(item.made_of, 2));
      append(references, box("dimg", {made_of}));
    }
    if (item.alpha_of != 0) append(references, box("auxl", {numbers({id, 1, item.alpha_of}, 2)}));
    std::vector<Bytes> own = {box("ispe", {numbers({0, item.width, item.height}, 4)})};
    if (!item.configuration.empty()) own.push_back(item.configuration);
    if (item.alpha_of != 0) own.push_back(box("auxC", {numbers({0}, 4), text("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"), Bytes(1)}));
    append(associations, numbers({id}, 2));
    associations.push_back(static_cast<std::uint8_t>(own.size()));
    for (const auto& one : own) {
      append(properties, one);
      associations.push_back(static_cast<std::uint8_t>(++property));
    }
  }
  const Bytes none = numbers({0}, 4), count = numbers({id}, 2);
  const Bytes meta =
      box("meta", {none, box("hdlr", {none, none, text("pict"), Bytes(13)}), box("pitm", {none, numbers({1}, 2)}),
                   box("iloc", {numbers({1U << 24}, 4), Bytes{0x44, 0}, count, locations}), box("iinf", {none, count, entries}),
                   references.empty() ? Bytes() : box("iref", {none, references}),
                   box("iprp", {box("ipco", {properties}), box("ipma", {none, numbers({id}, 4), associations})}), box("idat", {data})});
  Bytes file = box("ftyp", {text(brand), none, text("mif1"), text(brand)});
  append(file, meta);
  return file;
}

// rows x columns of cells, each item 2.
inline HeifItem heif_grid(std::uint32_t rows, std::uint32_t columns, std::uint32_t width, std::uint32_t height) {
  Bytes data = {0, 0, static_cast<std::uint8_t>(rows - 1), static_cast<std::uint8_t>(columns - 1)};
  append(data, numbers({width, height}, 2));
  return {.type = "grid", .data = data, .width = width, .height = height, .made_of = std::vector<std::uint32_t>(rows * columns, 2)};
}

// An HEVC sequence parameter set that says another size: H.265, 7.3.2.2. Both are NAL units.
inline Bytes resized_sps(const Bytes& sps, std::uint32_t width, std::uint32_t height) {
  std::vector<bool> bits;
  for (std::size_t i = 0, zeros = 0; i < sps.size(); ++i) {
    if (zeros >= 2 && sps[i] == 3) {  // emulation prevention
      zeros = 0;
      continue;
    }
    zeros = sps[i] == 0 ? zeros + 1 : 0;
    for (int bit = 7; bit >= 0; --bit) bits.push_back((sps[i] >> bit & 1) != 0);
  }
  constexpr std::size_t kLevelEnds = 8 * (2 + 1 + 12);  // of the seeds, which have one layer
  const auto code_end = [&](std::size_t at) {
    std::size_t zeros = 0;
    while (!bits[at + zeros]) ++zeros;
    return at + 2 * zeros + 1;
  };
  const std::size_t from = code_end(code_end(kLevelEnds)), to = code_end(code_end(from));  // behind the id and the chroma format
  std::vector<bool> changed(bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(from));
  for (const std::uint32_t side : {width, height}) {
    int length = 0;
    while ((side + 1) >> (length + 1) != 0) ++length;
    for (int i = 0; i < length; ++i) changed.push_back(false);
    for (int i = length; i >= 0; --i) changed.push_back(((side + 1) >> i & 1) != 0);
  }
  changed.insert(changed.end(), bits.begin() + static_cast<std::ptrdiff_t>(to), bits.end());
  Bytes out;
  for (std::size_t i = 0, zeros = 0; i < changed.size(); i += 8) {
    std::uint8_t byte = 0;
    for (std::size_t bit = 0; bit < 8; ++bit)
      byte = static_cast<std::uint8_t>(byte << 1 | (i + bit < changed.size() && changed[i + bit] ? 1 : 0));
    if (zeros >= 2 && byte <= 3) {
      out.push_back(3);
      zeros = 0;
    }
    out.push_back(byte);
    zeros = byte == 0 ? zeros + 1 : 0;
  }
  return out;
}

// Of an hvcC with one set of each kind.
inline Bytes sps_of(const Bytes& configuration) {
  for (std::size_t at = 8 + 23; at + 5 < configuration.size();) {
    const std::size_t size = static_cast<std::size_t>(configuration[at + 3]) << 8 | configuration[at + 4];
    const auto begin = configuration.begin() + static_cast<std::ptrdiff_t>(at + 5);
    if ((configuration[at] & 0x3F) == 33) return {begin, begin + static_cast<std::ptrdiff_t>(size)};
    at += 5 + size;
  }
  throw std::runtime_error("the seed has no sequence parameter set");
}

inline Bytes with_length(const Bytes& nal) {
  Bytes out = numbers({static_cast<std::uint32_t>(nal.size())}, 4);
  append(out, nal);
  return out;
}

inline void append_heif_item_bombs(std::vector<Bomb>& to) {
  const Bytes heic = read_seed("heic"), avif = read_seed("avif");
  const Bytes hvcc = box_of(heic, "hvcC"), av1c = box_of(avif, "av1C"), slice = coded_picture(heic);
  const Bytes av1(avif.end() - 0x61, avif.end());
  const HeifItem hevc_item = {.type = "hvc1", .data = slice, .width = 64, .height = 64, .configuration = hvcc};
  const HeifItem av1_item = {.type = "av01", .data = av1, .width = 48, .height = 32, .configuration = av1c};

  HeifItem overlay = {.type = "iovl", .data = {0, 0}, .width = 7'900, .height = 7'900, .made_of = {2}};
  append(overlay.data, numbers({0xFFFF, 0, 0, 0xFFFF, 7'900, 7'900, 0, 0}, 2));
  HeifItem damaged = hevc_item;
  damaged.data = Bytes(20, 'x');
  to.push_back({"HEIC overlay of 7,900 x 7,900 on a damaged picture", heif_of_items("heic", {overlay, damaged})});

  // libheif takes a thousand references at most.
  to.push_back({"HEIC grid of 31 x 31 times the same picture", heif_of_items("heic", {heif_grid(31, 31, 1'984, 1'984), hevc_item})});
  to.push_back({"AVIF grid of 31 x 31 times the same picture", heif_of_items("avif", {heif_grid(31, 31, 1'488, 992), av1_item})});
  to.push_back({"AVIF grid of 160 x 160 times the same picture", heif_of_items("avif", {heif_grid(160, 160, 7'680, 5'120), av1_item})});
  to.push_back({"HEIC grid of 31 x 31 pictures of which one would do", heif_of_items("heic", {heif_grid(31, 31, 64, 64), hevc_item})});
  HeifItem inner = heif_grid(31, 31, 64, 64);
  for (auto& cell : inner.made_of) cell = 3;
  to.push_back({"HEIC grid of grids", heif_of_items("heic", {heif_grid(31, 31, 64, 64), inner, hevc_item})});
  HeifItem long_item = av1_item;
  for (std::size_t i = 0; i < 20; ++i) {  // OBUs of a reserved kind, of a million bytes each
    append(long_item.data, Bytes{0x4A, 0xC0, 0x84, 0x3D});
    append(long_item.data, Bytes(1'000'000));
  }
  to.push_back({"AVIF grid of 31 x 31 times the same 20 MB", heif_of_items("avif", {heif_grid(31, 31, 1'488, 992), long_item})});

  for (const std::uint32_t side : {7'936U, 16'384U}) {
    HeifItem item = hevc_item;
    item.data = with_length(resized_sps(sps_of(hvcc), side, side));
    append(item.data, slice);
    to.push_back({"HEIC with a second size of " + std::to_string(side) + " x " + std::to_string(side), heif_of_items("heic", {item})});
  }
  HeifItem many = hevc_item;
  for (int i = 0; i < 30'000; ++i) append(many.data, slice);
  to.push_back({"HEIC of 30,000 pictures in one", heif_of_items("heic", {many})});
}

inline void append_heif_bombs(std::vector<Bomb>& to) {
  append_heif_item_bombs(to);
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

}  // namespace clipdex::tests::bombs
