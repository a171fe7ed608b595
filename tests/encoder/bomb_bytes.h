// What the files that ask for much are made of.
#pragma once

#include <zlib.h>

#include <cstdint>
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

}  // namespace bombs

}  // namespace clipdex::tests
