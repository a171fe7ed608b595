// The on-disk layout and its version: the one place to look before changing a byte. Private to storage/.
//
// column family   key                               value
// records         row (8 bytes, big-endian)         record (record_format.h)
// vectors         row                               XXH3-64 of the rest (8 bytes, little-endian), then float32 [dimension], little-endian
// ids             public id                         row
// hashes          content hash (32 hex digits) row  empty; the newest row of some content is the last key with its prefix
// blobs           't' or 'o', row                   thumbnail or original, as files (BlobDB)
// ops             (reserved for the operation log)
// sys             "format", "info", "next_row", "count"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clipdex::storage {

inline constexpr std::uint32_t kFormatVersion = 1;

inline constexpr const char* kFamilyNames[] = {"records", "vectors", "ids", "hashes", "blobs", "ops", "sys"};
enum Family : std::size_t { kRecords, kVectors, kIds, kHashes, kBlobs, kOps, kSys, kFamilies };

inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kInfoKey = "info";
inline constexpr std::string_view kNextRowKey = "next_row";
inline constexpr std::string_view kCountKey = "count";

inline constexpr char kThumbnailBlob = 't';
inline constexpr char kOriginalBlob = 'o';

// Big-endian, so that keys ascend as rows do.
inline std::string row_key(std::uint64_t row) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, row >>= 8) key[static_cast<std::size_t>(i)] = static_cast<char>(row & 0xFF);
  return key;
}

inline std::uint64_t row_of_key(std::string_view key) {
  std::uint64_t row = 0;
  for (const char byte : key.substr(0, 8)) row = row << 8 | static_cast<std::uint8_t>(byte);
  return row;
}

inline std::string hash_key(std::string_view content_hash, std::uint64_t row) { return std::string(content_hash) + row_key(row); }
inline std::string blob_key(char kind, std::uint64_t row) { return kind + row_key(row); }

}  // namespace clipdex::storage
