// Bytes of records, embeddings and the store's own facts. Private to storage/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/image_record.h"
#include "storage/image_store.h"

namespace clipdex::storage {

// Length-prefixed fields, little-endian; the row is the key and not repeated. The checksum comes in front when the row is known.
std::string encode_record(const ImageRecord& record);
// Of bytes with their checksum. Throws CorruptionError that names the row.
ImageRecord decode_record(std::uint64_t row, std::string_view bytes);
// Of bytes without one, as format version 1 has them.
ImageRecord decode_unchecked_record(std::uint64_t row, std::string_view bytes);

// What stands in front of an embedding's floats.
std::uint64_t embedding_checksum(std::span<const float> embedding);
// Fills `embedding`, as many floats as the dimension. Throws CorruptionError that names the row if size or checksum is wrong.
void decode_embedding(std::uint64_t row, std::string_view bytes, std::span<float> embedding);

std::string encode_info(const StoreInfo& info);
StoreInfo decode_info(std::string_view bytes);

}  // namespace clipdex::storage
