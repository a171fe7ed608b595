#include "engine/identifiers.h"

#include <xxhash.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace clipdex::engine {
bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

void check_image_id(std::string_view id) {
  constexpr std::size_t kBytesMax = 512;
  if (id.empty()) throw std::invalid_argument("an image's id is empty");
  if (id.size() > kBytesMax)
    throw std::invalid_argument("an image's id has " + std::to_string(id.size()) + " bytes, and 512 are the limit");
  for (const char c : id) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) throw std::invalid_argument("an image's id has a control character");
  }
  if (!is_utf8(id)) throw std::invalid_argument("an image's id is not valid UTF-8");
}

void check_collection_name(std::string_view name) {
  constexpr std::size_t kLengthMax = 64;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  bool valid = !name.empty() && name.size() <= kLengthMax && plain(name.front());
  for (const char c : name) valid = valid && (plain(c) || c == '_' || c == '-');
  if (valid) return;
  const std::string shown = is_utf8(name) && name.size() <= kLengthMax ? "\"" + std::string(name) + "\"" : "this";
  throw std::invalid_argument(shown + " cannot be a collection's name: 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or a digit");
}

std::string content_hash(std::string_view bytes) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace clipdex::engine
