#include "storage/byte_format.h"

#include <xxhash.h>

#include "storage/image_store.h"

namespace clipdex::storage {

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed); }

std::string with_checksum(std::string_view bytes, std::uint64_t seed) {
  std::string checked;
  checked.reserve(sizeof(std::uint64_t) + bytes.size());
  put_number(checked, checksum(bytes, seed));
  checked.append(bytes);
  return checked;
}

std::optional<std::string_view> verified(std::string_view bytes, std::uint64_t seed) {
  std::uint64_t expected = 0;
  if (bytes.size() < sizeof expected) return std::nullopt;
  std::memcpy(&expected, bytes.data(), sizeof expected);
  bytes.remove_prefix(sizeof expected);
  if (checksum(bytes, seed) != expected) return std::nullopt;
  return bytes;
}

void ByteReader::finish() const {
  if (!left_.empty()) fail();
}

void ByteReader::fail() const { throw CorruptionError(what_ + " is damaged"); }

std::string_view ByteReader::take(std::size_t size) {
  if (size > left_.size()) fail();
  const auto taken = left_.substr(0, size);
  left_.remove_prefix(size);
  return taken;
}

}  // namespace clipdex::storage
