// Numbers and texts as little-endian bytes, with a checksum in front. Private to storage/.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace clipdex::storage {

static_assert(std::endian::native == std::endian::little, "the on-disk format is little-endian, and so are the machines clipdex runs on");

template <typename Number>
void put_number(std::string& bytes, Number number) {
  static_assert(std::is_arithmetic_v<Number>);
  char buffer[sizeof number];
  std::memcpy(buffer, &number, sizeof number);
  bytes.append(buffer, sizeof number);
}

inline void put_text(std::string& bytes, std::string_view text) {
  put_number(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.append(text);
}

// XXH3-64 of the bytes, seeded with where they belong, so that bytes of another key are noticed too.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed);
std::string with_checksum(std::string_view bytes, std::uint64_t seed);
// The bytes behind their checksum; nothing if it is not theirs.
std::optional<std::string_view> verified(std::string_view bytes, std::uint64_t seed);

// Reads what put_number() and put_text() wrote. Throws CorruptionError "<what> is damaged" where bytes are missing.
class ByteReader {
 public:
  ByteReader(std::string what, std::string_view bytes) : what_(std::move(what)), left_(bytes) {}

  template <typename Number>
  Number number() {
    const auto bytes = take(sizeof(Number));
    Number value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  std::string text() { return std::string(take(number<std::uint32_t>())); }
  std::size_t left() const { return left_.size(); }
  void finish() const;  // throws unless all was read
  [[noreturn]] void fail() const;

 private:
  std::string_view take(std::size_t size);

  std::string what_;
  std::string_view left_;
};

}  // namespace clipdex::storage
