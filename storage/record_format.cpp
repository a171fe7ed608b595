#include "storage/record_format.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "storage/byte_format.h"

namespace clipdex::storage {
namespace {

std::string name_of_record(std::uint64_t row) { return "the record of row " + std::to_string(row); }

std::string_view bytes_of(std::span<const float> embedding) {
  return {reinterpret_cast<const char*>(embedding.data()), embedding.size_bytes()};
}

}  // namespace

std::string encode_record(const ImageRecord& record) {
  std::string bytes;
  bytes.reserve(128 + record.id.size() + record.source.size() + record.metadata.size());
  put_text(bytes, record.id);
  put_text(bytes, record.content_hash);
  put_number(bytes, record.width);
  put_number(bytes, record.height);
  put_text(bytes, record.format);
  put_number(bytes, record.bytes);
  put_text(bytes, record.source);
  put_number(bytes, record.created_ms);
  put_number(bytes, record.updated_ms);
  put_text(bytes, record.metadata);
  return bytes;
}

ImageRecord decode_record(std::uint64_t row, std::string_view bytes) {
  const auto record = verified(bytes, row);
  if (!record) throw CorruptionError(name_of_record(row) + " is damaged");
  return decode_unchecked_record(row, *record);
}

ImageRecord decode_unchecked_record(std::uint64_t row, std::string_view bytes) {
  ByteReader reader(name_of_record(row), bytes);
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

std::uint64_t embedding_checksum(std::span<const float> embedding) { return checksum(bytes_of(embedding), 0); }

void decode_embedding(std::uint64_t row, std::string_view bytes, std::span<float> embedding) {
  const auto floats = verified(bytes, 0);
  if (!floats || floats->size() != embedding.size_bytes())
    throw CorruptionError("the embedding of row " + std::to_string(row) + " is damaged");
  std::memcpy(embedding.data(), floats->data(), floats->size());
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
