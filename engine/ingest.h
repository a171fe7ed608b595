// What goes into an ingest request and what comes out of it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace clipdex::engine {

inline constexpr std::size_t kSourceBytesMax = 4096;

struct IngestItem {
  std::optional<std::string> id;  // 1..512 bytes of UTF-8 without control characters; without one, the content hash
  std::string bytes;              // the picture file, of any format that encoder::decode_image reads
  std::string source;             // file name or path, for the record; at most kSourceBytesMax
  // A JSON object. Absent: a new image gets {}, an existing one keeps what it has.
  std::optional<std::string> metadata;
};

enum class IngestStatus { kCreated, kUpdated, kUnchanged, kFailed };

// "created", "updated", "unchanged", "failed".
std::string_view ingest_status_name(IngestStatus status);
std::optional<IngestStatus> ingest_status_from_name(std::string_view name);

// `error_code` is one of "unsupported_image", "corrupt_image", "image_too_large", "invalid_id", "invalid_source", "invalid_metadata",
// "duplicate_id", "conflict" (another request changed the image meanwhile).
struct IngestResult {
  IngestStatus status = IngestStatus::kFailed;
  std::string id;          // empty if the image failed before it had one
  std::string source;      // of the item
  std::string error_code;  // kFailed only
  std::string error;       // kFailed only: a sentence
};

}  // namespace clipdex::engine
