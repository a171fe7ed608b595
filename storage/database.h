// One open RocksDB database with the store's column families, and what its errors mean. Private to storage/: RocksDB shows here.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/image_store.h"
#include "storage/key_layout.h"

namespace clipdex::storage {

// Throws what the status means to a caller: DiskFullError, CorruptionError or std::runtime_error.
[[noreturn]] void fail(const std::filesystem::path& directory, const std::string& what, const rocksdb::Status& status);

// Any thread may call it.
class Database {
 public:
  enum class Mode { kCreate, kOpen, kReadOnly };

  // Throws as ImageStore::create() and open() say. Durable to its name: directories that are made are synced.
  Database(const std::filesystem::path& directory, const StoreOptions& options, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::FileSystem& files() const { return *files_; }
  rocksdb::ColumnFamilyHandle* family(Family which) const { return handles_[which + 1]; }  // behind "default"
  const std::filesystem::path& directory() const { return directory_; }

  std::optional<std::string> read(Family which, std::string_view key, const rocksdb::ReadOptions& options = {}) const;
  // Of the store's own facts. Throws CorruptionError if it is not there.
  std::string required(std::string_view key, const rocksdb::ReadOptions& options = {}) const;
  // Calls found(i, value) for each key that is there.
  void read_many(Family which, std::span<const std::string> keys, const rocksdb::ReadOptions& options,
                 const std::function<void(std::size_t i, std::string_view value)>& found) const;
  std::unique_ptr<rocksdb::Iterator> iterate(Family which, const rocksdb::ReadOptions& options = {}) const;
  // Throws what stopped an iterator, if something did.
  void check(const rocksdb::Iterator& iterator) const;

  // Makes a directory and those above it, and syncs the entries of what it made.
  void make_directories(const std::filesystem::path& directory) const;
  void sync_directory(const std::filesystem::path& directory) const;
  // Room on the disk; nothing where that cannot be known.
  std::optional<std::uint64_t> free_bytes() const;

 private:
  void refuse_unknown_families(const rocksdb::DBOptions& options) const;

  std::filesystem::path directory_;
  std::shared_ptr<rocksdb::FileSystem> files_;
  std::unique_ptr<rocksdb::Env> environment_;  // of files_, if they are not the machine's own
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// What the database was at one moment, for reads that belong together.
class View {
 public:
  explicit View(const Database& database) : db_(database.db()), snapshot_(db_.GetSnapshot()) { options_.snapshot = snapshot_; }
  ~View() { db_.ReleaseSnapshot(snapshot_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  const rocksdb::ReadOptions& options() const { return options_; }

 private:
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

inline rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

// The store has another format version than this program reads.
[[noreturn]] void refuse_version(const std::filesystem::path& directory, const std::string& version);

}  // namespace clipdex::storage
