// Bytes of records, embeddings and the store's own facts. Private to storage/.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/image_record.h"
#include "storage/image_store.h"

namespace clipdex::storage {

// Length-prefixed fields, little-endian; the row is the key and not repeated.
std::string encode_record(const ImageRecord& record);
// Throws CorruptionError that names the row.
ImageRecord decode_record(std::uint64_t row, std::string_view bytes);

std::string encode_embedding(std::span<const float> embedding);
// Throws CorruptionError that names the row if size or checksum is wrong.
std::vector<float> decode_embedding(std::uint64_t row, std::string_view bytes, std::size_t dimension);

std::string encode_info(const StoreInfo& info);
StoreInfo decode_info(std::string_view bytes);

}  // namespace clipdex::storage
