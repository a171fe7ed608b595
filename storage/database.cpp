#include "storage/database.h"

#include <rocksdb/convenience.h>

#include <algorithm>

#include "storage/rocksdb_options.h"

namespace clipdex::storage {
namespace {

namespace fs = std::filesystem;

bool is_disk_full(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsNoSpace() || text.find("No space left") != std::string::npos || text.find("Disk quota exceeded") != std::string::npos;
}

// What RocksDB says when the store's own lock is taken, by this process or by another one.
bool is_locked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() &&
         (text.find("lock hold by current process") != std::string::npos || text.find("While lock file") != std::string::npos);
}

std::shared_ptr<rocksdb::FileSystem> file_system(const std::string& uri) {
  if (uri.empty()) return rocksdb::FileSystem::Default();
  std::shared_ptr<rocksdb::FileSystem> found;
  const auto status = rocksdb::FileSystem::CreateFromString(rocksdb::ConfigOptions(), uri, &found);
  if (!status.ok() || !found) throw std::invalid_argument("there is no file system \"" + uri + "\": " + status.ToString());
  return found;
}

}  // namespace

void fail(const fs::path& directory, const std::string& what, const rocksdb::Status& status) {
  const std::string message = what + " in " + directory.string() + ": " + status.ToString();
  if (is_disk_full(status)) throw DiskFullError("the disk is full: " + message + ". Free some space; what was stored is safe");
  if (status.IsCorruption()) throw CorruptionError(message + ". Restore the directory from a backup, or make the collection again");
  throw std::runtime_error(message);
}

void refuse_version(const fs::path& directory, const std::string& version) {
  throw std::runtime_error("the store in " + directory.string() + " has format version " + version + ", and this clipdex reads " +
                           std::to_string(kFormatVersion) + ": use the version of clipdex that wrote it, or a newer one");
}

Database::Database(const fs::path& directory, const StoreOptions& store_options, Mode mode)
    : directory_(directory), files_(file_system(store_options.file_system_uri)) {
  rocksdb::DBOptions options = database_options();
  if (!store_options.file_system_uri.empty()) {
    environment_ = rocksdb::NewCompositeEnv(files_);
    options.env = environment_.get();
  }
  const bool create = mode == Mode::kCreate;
  options.create_if_missing = create;
  options.create_missing_column_families = create;
  options.error_if_exists = create;
  if (create) {
    make_directories(directory);
  } else {
    if (!files_->FileExists((directory / "CURRENT").string(), rocksdb::IOOptions(), nullptr).ok())
      throw std::runtime_error("there is no store in " + directory.string() + ": restore it from a backup, or make the collection again");
    refuse_unknown_families(options);
  }
  const auto families = column_families(store_options.write_buffer_bytes);
  rocksdb::DB* opened = nullptr;
  const auto status = mode == Mode::kReadOnly ? rocksdb::DB::OpenForReadOnly(options, directory.string(), families, &handles_, &opened)
                                              : rocksdb::DB::Open(options, directory.string(), families, &handles_, &opened);
  if (is_locked(status))
    throw std::runtime_error("the store in " + directory.string() + " is open in another process: stop that one first");
  if (!status.ok()) fail(directory, "cannot open the store", status);
  db_.reset(opened);
}

Database::~Database() {
  if (!db_) return;
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  db_->Close();
}

// RocksDB opens all column families or nothing, and a newer format may have more of them than are known here.
void Database::refuse_unknown_families(const rocksdb::DBOptions& options) const {
  std::vector<std::string> names;
  const auto status = rocksdb::DB::ListColumnFamilies(options, directory_.string(), &names);
  if (!status.ok()) fail(directory_, "cannot open the store", status);
  for (const auto& name : names) {
    const bool known = name == rocksdb::kDefaultColumnFamilyName ||
                       std::find(std::begin(kFamilyNames), std::end(kFamilyNames), name) != std::end(kFamilyNames);
    if (!known) refuse_version(directory_, "newer than " + std::to_string(kFormatVersion));
  }
}

std::optional<std::string> Database::read(Family which, std::string_view key, const rocksdb::ReadOptions& options) const {
  std::string value;
  const auto status = db_->Get(options, family(which), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) fail(directory_, "cannot read", status);
  return value;
}

std::string Database::required(std::string_view key, const rocksdb::ReadOptions& options) const {
  auto value = read(kSys, key, options);
  if (!value)
    throw CorruptionError("the store in " + directory_.string() + " has no \"" + std::string(key) + "\": it is damaged or not clipdex's");
  return *value;
}

void Database::read_many(Family which, std::span<const std::string> keys, const rocksdb::ReadOptions& options,
                         const std::function<void(std::size_t i, std::string_view value)>& found) const {
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(options, family(which), keys.size(), slices.data(), values.data(), statuses.data());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) fail(directory_, "cannot read", statuses[i]);
    found(i, values[i].ToStringView());
  }
}

std::unique_ptr<rocksdb::Iterator> Database::iterate(Family which, const rocksdb::ReadOptions& options) const {
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family(which)));
}

void Database::check(const rocksdb::Iterator& iterator) const {
  if (!iterator.status().ok()) fail(directory_, "cannot read", iterator.status());
}

void Database::make_directories(const fs::path& directory) const {
  const auto parent = directory.parent_path();
  if (directory.empty() || files_->FileExists(directory.string(), rocksdb::IOOptions(), nullptr).ok()) return;
  make_directories(parent);
  const auto status = files_->CreateDirIfMissing(directory.string(), rocksdb::IOOptions(), nullptr);
  if (!status.ok()) fail(directory, "cannot make the directory", status);
  sync_directory(parent.empty() ? fs::path(".") : parent);
}

void Database::sync_directory(const fs::path& directory) const {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  auto status = files_->NewDirectory(directory.string(), rocksdb::IOOptions(), &opened, nullptr);
  if (status.ok()) status = opened->Fsync(rocksdb::IOOptions(), nullptr);
  if (!status.ok()) fail(directory, "cannot sync the directory", status);
}

std::optional<std::uint64_t> Database::free_bytes() const {
  std::uint64_t free = 0;
  if (!files_->GetFreeSpace(directory_.string(), rocksdb::IOOptions(), &free, nullptr).ok()) return std::nullopt;
  return free;
}

}  // namespace clipdex::storage
