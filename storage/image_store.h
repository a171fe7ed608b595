// The durable truth of one collection: records, embeddings, id maps, pictures and the operation log in one RocksDB database.
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
#include "storage/operation.h"

namespace clipdex::storage {

// Fixed when the collection is made.
struct StoreInfo {
  std::string model_fingerprint;
  std::string model_name;  // for messages
  std::uint32_t dimension = 0;
  std::string settings;  // the engine's own, a JSON object; opaque here
  std::int64_t created_ms = 0;
};

// How a store is opened; nothing here changes what is on disk.
struct StoreOptions {
  // A file system that is registered in this process with RocksDB's ObjectRegistry; empty: the machine's own.
  std::string file_system_uri;
  // What a column family gathers in memory before it becomes a file; 0: chosen for bulk loads (rocksdb_options.cpp).
  std::size_t write_buffer_bytes = 0;
  // Called with one of durable_steps() between durable steps. Runs in the thread that writes, under its locks: it must not call the store.
  std::function<void(std::string_view step)> on_durable_step;
};

// What on_durable_step is called with.
std::span<const std::string_view> durable_steps();

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
  std::uint64_t sequence = 0;               // of its entry in the operation log
};

// Any thread may call anything; writes are put in one order inside, each with a sync of its own.
class ImageStore {
 public:
  // Makes the directory and an empty store. Throws std::runtime_error if it cannot, or if one is there.
  static std::unique_ptr<ImageStore> create(const std::filesystem::path& directory, const StoreInfo& info, StoreOptions options = {});

  // Opens what create() made. Throws CorruptionError for a store that is damaged or contradicts itself, or std::runtime_error that says
  // what to do (missing, in use, a newer format version). A store of an older format version is upgraded, which rewrites its records.
  static std::unique_ptr<ImageStore> open(const std::filesystem::path& directory, StoreOptions options = {});

  ~ImageStore();
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;

  const StoreInfo& info() const;
  std::uint64_t count() const;          // live images
  std::uint64_t last_sequence() const;  // of the newest operation, 0 before the first; it never goes back, except by damage

  std::optional<ImageRecord> find(std::string_view id) const;
  // As many entries as ids, in their order, from one consistent view.
  std::vector<std::optional<ImageRecord>> find_many(std::span<const std::string> ids) const;
  std::optional<ImageRecord> get(std::uint64_t row) const;
  // As many entries as rows, in their order, from one consistent view.
  std::vector<std::optional<ImageRecord>> get_many(std::span<const std::uint64_t> rows) const;
  // The newest live row with these bytes, if any.
  std::optional<std::uint64_t> row_of_content(std::string_view content_hash) const;
  std::optional<std::vector<float>> embedding(std::uint64_t row) const;
  // These two throw CorruptionError for a picture whose bytes are not those that were written.
  std::optional<std::string> thumbnail(std::uint64_t row) const;
  std::optional<std::string> original(std::uint64_t row) const;

  // Live records in byte order of their ids, those after `after_id` ("" = from the start), at most `limit`.
  std::vector<ImageRecord> list(std::string_view after_id, std::size_t limit) const;

  // Every live row from first_row to last_row, both included, in ascending order with its embedding of info().dimension floats, which are
  // valid during the call; from one consistent view. Throws CorruptionError on a checksum mismatch, naming the row, and, when all rows are
  // asked for, if there are more or fewer of them than count() said in that view.
  using EmbeddingVisitor = std::function<void(std::uint64_t row, std::span<const float> embedding)>;
  void for_each_embedding(const EmbeddingVisitor& visit, std::uint64_t first_row = 0, std::uint64_t last_row = UINT64_MAX) const;

  // Every live record in byte order of the ids, those after `after_id`, from one consistent view; the embedding is empty unless asked for.
  // Throws CorruptionError for a record or an embedding that is damaged or missing.
  using RecordVisitor = std::function<void(const ImageRecord& record, std::span<const float> embedding)>;
  void for_each_record(const RecordVisitor& visit, std::string_view after_id = "", bool with_embeddings = false) const;

  // The operations behind `sequence`, in their order, up to the newest at the time of the call. Throws CorruptionError if one of them is
  // damaged or missing: trimmed by put_index_manifest(), or because the store is behind `sequence`.
  void for_each_operation_after(std::uint64_t sequence, const std::function<void(const Operation& operation)>& visit) const;

  // One synced RocksDB WriteBatch: when it returns, the request survives kill -9 and power loss. Throws DiskFullError or
  // std::runtime_error; then nothing was written, or, where a disk failed while syncing, all of it may appear: last_sequence() tells.
  // Throws std::invalid_argument for an embedding of the wrong size or an id given twice in `images`.
  WriteResult write(WriteRequest request);

  // The newest put_index_manifest(), if any. Throws CorruptionError if its bytes are damaged.
  std::optional<std::string> index_manifest() const;
  // Keeps opaque bytes of the index, durably, and in the same batch forgets the operations up to `sequence`, which the index holds itself.
  // Throws std::invalid_argument if `sequence` is newer than last_sequence() or older than the last manifest's; else as write() does.
  void put_index_manifest(std::string_view bytes, std::uint64_t sequence);

  // A copy of the whole store as it is now, made while it is used, that open() reads: hard links on the same file system, copies on
  // another. The directory must not exist; it appears whole or not at all. Returns how many images it has. Throws DiskFullError or
  // std::runtime_error.
  std::uint64_t checkpoint(const std::filesystem::path& directory) const;

  // Bytes on disk, approximately.
  std::uint64_t disk_bytes() const;

 private:
  struct Impl;
  explicit ImageStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::storage
