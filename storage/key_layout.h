// The on-disk layout and its version: the one place to look before changing a byte. Private to storage/.
//
// column family   key                               value
// records         row (8 bytes, big-endian)         XXH3-64 of the rest, seeded with the row (8 bytes, little-endian), then the record
//                                                   (record_format.h)
// vectors         row                               XXH3-64 of the rest (8 bytes, little-endian), then float32 [dimension], little-endian
// ids             public id                         row
// hashes          content hash (32 hex digits) row  empty; the newest row of some content is the last key with its prefix
// blobs           't' or 'o', row                   thumbnail or original, as files (BlobDB, which checks a CRC of key and value)
// ops             sequence (8 bytes, big-endian)    XXH3-64 of the rest, seeded with the sequence, then the operation (operation_log.h)
// sys             "format", "info", "next_row", "count", "last_sequence": the newest operation,
//                 "trimmed_sequence": the newest operation that is no longer in ops,
//                 "index_manifest": XXH3-64 of the rest, then the index's own bytes,
//                 "upgraded_rows": while records of an older version are rewritten, the first row that is not
//
// Versions: 1 had no checksum in records, no ops and no sequences; it is upgraded when it is opened (format_upgrade.h). 2 is this one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clipdex::storage {

inline constexpr std::uint32_t kFormatVersion = 2;

inline constexpr const char* kFamilyNames[] = {"records", "vectors", "ids", "hashes", "blobs", "ops", "sys"};
enum Family : std::size_t { kRecords, kVectors, kIds, kHashes, kBlobs, kOps, kSys, kFamilies };

inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kInfoKey = "info";
inline constexpr std::string_view kNextRowKey = "next_row";
inline constexpr std::string_view kCountKey = "count";
inline constexpr std::string_view kLastSequenceKey = "last_sequence";
inline constexpr std::string_view kTrimmedSequenceKey = "trimmed_sequence";
inline constexpr std::string_view kIndexManifestKey = "index_manifest";
inline constexpr std::string_view kUpgradedRowsKey = "upgraded_rows";

inline constexpr std::size_t kContentHashDigits = 32;
inline constexpr char kThumbnailBlob = 't';
inline constexpr char kOriginalBlob = 'o';

// Big-endian, so that keys ascend as the numbers do.
inline std::string number_key(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) key[static_cast<std::size_t>(i)] = static_cast<char>(number & 0xFF);
  return key;
}

inline std::uint64_t number_of_key(std::string_view key) {
  std::uint64_t number = 0;
  for (const char byte : key.substr(0, 8)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

inline std::string row_key(std::uint64_t row) { return number_key(row); }
inline std::uint64_t row_of_key(std::string_view key) { return number_of_key(key); }
inline std::string hash_key(std::string_view content_hash, std::uint64_t row) { return std::string(content_hash) + row_key(row); }
inline std::string blob_key(char kind, std::uint64_t row) { return kind + row_key(row); }

}  // namespace clipdex::storage
