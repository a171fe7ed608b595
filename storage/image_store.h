// The durable truth of one collection: records, embeddings, id maps and thumbnails in one RocksDB database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "storage/image_record.h"

namespace clipdex::storage {

// Fixed when the collection is made.
struct StoreInfo {
  std::string model_fingerprint;
  std::string model_name;  // for messages
  std::uint32_t dimension = 0;
  std::string settings;  // the engine's own, a JSON object; opaque here
  std::int64_t created_ms = 0;
};

// The disk has no room for a write. Nothing of the request was written; reads go on.
class DiskFullError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What is on disk is not what was written: a damaged or foreign database.
class CorruptionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct NewImage {
  ImageRecord record;  // record.row is assigned by write()
  std::vector<float> embedding;
  std::string thumbnail;  // JPEG file, may be empty
  std::string original;   // the picture's own file, may be empty
};

// One request's changes. They become visible and durable together or not at all.
struct WriteRequest {
  std::vector<NewImage> images;          // an id that exists is replaced: new row, the old one is gone
  std::vector<std::string> deleted_ids;  // an id that does not exist is ignored
  std::vector<ImageRecord>
      changed;  // same id and row, other metadata; ignored where the id has another row, or is deleted or replaced here
};

struct WriteResult {
  std::vector<std::uint64_t> rows;          // of `images`, ascending, in their order
  std::vector<std::uint64_t> removed_rows;  // replaced and deleted ones
};

// Any thread may read; write() may be called from any thread and is serialised inside.
class ImageStore {
 public:
  // Makes the directory and an empty store. Throws std::runtime_error if it cannot, or if one is there.
  static std::unique_ptr<ImageStore> create(const std::filesystem::path& directory, const StoreInfo& info);

  // Opens what create() made. Throws CorruptionError, or std::runtime_error that says what to do (missing, in use, a newer format version).
  static std::unique_ptr<ImageStore> open(const std::filesystem::path& directory);

  ~ImageStore();
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;

  const StoreInfo& info() const;
  std::uint64_t count() const;  // live images

  std::optional<ImageRecord> find(std::string_view id) const;
  std::optional<ImageRecord> get(std::uint64_t row) const;
  // As many entries as rows, in their order.
  std::vector<std::optional<ImageRecord>> get_many(std::span<const std::uint64_t> rows) const;
  // The newest live row with these bytes, if any.
  std::optional<std::uint64_t> row_of_content(std::string_view content_hash) const;
  std::optional<std::vector<float>> embedding(std::uint64_t row) const;
  std::optional<std::string> thumbnail(std::uint64_t row) const;
  std::optional<std::string> original(std::uint64_t row) const;

  // Live records in byte order of their ids, those after `after_id` ("" = from the start), at most `limit`.
  std::vector<ImageRecord> list(std::string_view after_id, std::size_t limit) const;

  // Every live row in ascending order with its embedding of info().dimension floats, from one consistent view.
  // Throws CorruptionError on a checksum mismatch, naming the row, and if there are more or fewer of them than count() said in that view.
  void for_each_embedding(const std::function<void(std::uint64_t row, std::span<const float> embedding)>& visit) const;

  // One synced RocksDB WriteBatch: when it returns, the request survives kill -9 and power loss. Throws DiskFullError or
  // std::runtime_error; then nothing was written. Throws std::invalid_argument for an embedding of the wrong size or an id given twice in
  // `images`.
  WriteResult write(WriteRequest request);

  // Bytes on disk, approximately.
  std::uint64_t disk_bytes() const;

 private:
  struct Impl;
  explicit ImageStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::storage
