#include "storage/record_format.h"

#include <xxhash.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace clipdex::storage {
namespace {

static_assert(std::endian::native == std::endian::little, "the on-disk format is little-endian, and so are the machines clipdex runs on");

template <typename Number>
void put(std::string& bytes, Number number) {
  static_assert(std::is_arithmetic_v<Number>);
  char buffer[sizeof number];
  std::memcpy(buffer, &number, sizeof number);
  bytes.append(buffer, sizeof number);
}

void put_text(std::string& bytes, std::string_view text) {
  put(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.append(text);
}

class Reader {
 public:
  Reader(std::uint64_t row, std::string_view bytes) : row_(row), left_(bytes) {}

  template <typename Number>
  Number number() {
    const auto bytes = take(sizeof(Number));
    Number value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

  std::string text() { return std::string(take(number<std::uint32_t>())); }

  void finish() const {
    if (!left_.empty()) fail();
  }

 private:
  std::string_view take(std::size_t size) {
    if (size > left_.size()) fail();
    const auto taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  [[noreturn]] void fail() const { throw CorruptionError("the record of row " + std::to_string(row_) + " is damaged"); }

  std::uint64_t row_;
  std::string_view left_;
};

}  // namespace

std::string encode_record(const ImageRecord& record) {
  std::string bytes;
  bytes.reserve(128 + record.id.size() + record.source.size() + record.metadata.size());
  put_text(bytes, record.id);
  put_text(bytes, record.content_hash);
  put(bytes, record.width);
  put(bytes, record.height);
  put_text(bytes, record.format);
  put(bytes, record.bytes);
  put_text(bytes, record.source);
  put(bytes, record.created_ms);
  put(bytes, record.updated_ms);
  put_text(bytes, record.metadata);
  return bytes;
}

ImageRecord decode_record(std::uint64_t row, std::string_view bytes) {
  Reader reader(row, bytes);
  ImageRecord record;
  record.row = row;
  record.id = reader.text();
  record.content_hash = reader.text();
  record.width = reader.number<std::int32_t>();
  record.height = reader.number<std::int32_t>();
  record.format = reader.text();
  record.bytes = reader.number<std::uint64_t>();
  record.source = reader.text();
  record.created_ms = reader.number<std::int64_t>();
  record.updated_ms = reader.number<std::int64_t>();
  record.metadata = reader.text();
  reader.finish();
  return record;
}

std::string encode_embedding(std::span<const float> embedding) {
  const std::size_t size = embedding.size() * sizeof(float);
  std::string bytes;
  bytes.reserve(sizeof(std::uint64_t) + size);
  put(bytes, static_cast<std::uint64_t>(XXH3_64bits(embedding.data(), size)));
  bytes.append(reinterpret_cast<const char*>(embedding.data()), size);
  return bytes;
}

std::vector<float> decode_embedding(std::uint64_t row, std::string_view bytes, std::size_t dimension) {
  std::uint64_t checksum = 0;
  const std::size_t size = dimension * sizeof(float);
  if (bytes.size() == sizeof checksum + size) {
    std::memcpy(&checksum, bytes.data(), sizeof checksum);
    bytes.remove_prefix(sizeof checksum);
    if (XXH3_64bits(bytes.data(), bytes.size()) == checksum) {
      std::vector<float> embedding(dimension);
      std::memcpy(embedding.data(), bytes.data(), size);
      return embedding;
    }
  }
  throw CorruptionError("the embedding of row " + std::to_string(row) + " is damaged");
}

std::string encode_info(const StoreInfo& info) {
  return nlohmann::json{{"model_fingerprint", info.model_fingerprint},
                        {"model_name", info.model_name},
                        {"dimension", info.dimension},
                        {"settings", info.settings},
                        {"created_ms", info.created_ms}}
      .dump();
}

StoreInfo decode_info(std::string_view bytes) {
  try {
    const auto json = nlohmann::json::parse(bytes);
    return {json.at("model_fingerprint"), json.at("model_name"), json.at("dimension"), json.at("settings"), json.at("created_ms")};
  } catch (const nlohmann::json::exception&) {
    throw CorruptionError("the store's description is damaged");
  }
}

}  // namespace clipdex::storage
