// Bounded reading of little-endian numbers and stretches out of bytes that come from anywhere. Private to encoder/.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace clipdex::encoder {

class ByteReader {
 public:
  // Reads from `position` on. What goes beyond the end throws std::runtime_error with `truncated`, a literal.
  ByteReader(std::span<const std::byte> bytes, std::size_t position, const char* truncated)
      : bytes_(bytes), position_(position), truncated_(truncated) {
    if (position > bytes.size()) throw std::runtime_error(truncated_);
  }

  template <typename Number>
    requires std::is_arithmetic_v<Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::span<const std::byte> take(std::size_t size) {
    if (size > remaining()) throw std::runtime_error(truncated_);
    position_ += size;
    return bytes_.subspan(position_ - size, size);
  }

  std::string_view text(std::size_t size) {
    const auto part = take(size);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }

  // Up to the next line feed, which is taken too.
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, remaining());
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) throw std::runtime_error(truncated_);
    position_ += end + 1;
    return rest.substr(0, end);
  }

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_;
  const char* truncated_;
};

}  // namespace clipdex::encoder
