// Arrays of numbers as the bytes they are in memory (little-endian). Private to index/.
#pragma once

#include <cstddef>
#include <cstring>
#include <ostream>
#include <span>
#include <type_traits>
#include <vector>

namespace clipdex::index {

template <typename T>
void write_bytes(std::ostream& out, const T* values, std::size_t n) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(n * sizeof(T)));
}

template <typename T>
void write_bytes(std::ostream& out, const std::vector<T>& values) {
  write_bytes(out, values.data(), values.size());
}

// Takes n values off the front of `bytes`; the caller has checked that there are so many.
template <typename T>
std::vector<T> take_values(std::span<const std::byte>& bytes, std::size_t n) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<T> values(n);
  if (n > 0) std::memcpy(values.data(), bytes.data(), n * sizeof(T));
  bytes = bytes.subspan(n * sizeof(T));
  return values;
}

}  // namespace clipdex::index
