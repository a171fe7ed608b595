#include "storage/image_store.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "storage/key_layout.h"
#include "storage/record_format.h"
#include "storage/rocksdb_options.h"

namespace clipdex::storage {
namespace {

namespace fs = std::filesystem;

bool is_disk_full(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsNoSpace() || text.find("No space left") != std::string::npos || text.find("Disk quota exceeded") != std::string::npos;
}

[[noreturn]] void fail(const fs::path& directory, const std::string& what, const rocksdb::Status& status) {
  const std::string message = what + " in " + directory.string() + ": " + status.ToString();
  if (is_disk_full(status)) throw DiskFullError("the disk is full: " + message + ". Free some space; what was stored is safe");
  if (status.IsCorruption()) throw CorruptionError(message + ". Restore the directory from a backup, or make the collection again");
  throw std::runtime_error(message);
}

// What RocksDB says when the store's own lock is taken, by this process or by another one.
bool is_locked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() &&
         (text.find("lock hold by current process") != std::string::npos || text.find("While lock file") != std::string::npos);
}

std::string number_text(std::uint64_t number) { return std::to_string(number); }

std::uint64_t parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) throw CorruptionError("one of the store's counters is damaged");
  return number;
}

// What the database was at one moment, for reads that belong together.
class View {
 public:
  explicit View(rocksdb::DB& db) : db_(db), snapshot_(db.GetSnapshot()) { options_.snapshot = snapshot_; }
  ~View() { db_.ReleaseSnapshot(snapshot_); }
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  const rocksdb::ReadOptions& options() const { return options_; }

 private:
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

}  // namespace

struct ImageStore::Impl {
  ~Impl() {
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    if (db) db->Close();
  }

  rocksdb::ColumnFamilyHandle* family(Family which) const { return handles[which + 1]; }  // behind "default"

  void open(bool create) {
    rocksdb::DBOptions options = database_options();
    options.create_if_missing = create;
    options.create_missing_column_families = create;
    options.error_if_exists = create;
    if (!create) refuse_unknown_families(options);
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(options, directory.string(), column_families(), &handles, &opened);
    if (is_locked(status))
      throw std::runtime_error("the store in " + directory.string() + " is open in another process: stop that one first");
    if (!status.ok()) fail(directory, "cannot open the store", status);
    db.reset(opened);
  }

  [[noreturn]] void refuse_version(const std::string& version) const {
    throw std::runtime_error("the store in " + directory.string() + " has format version " + version + ", and this clipdex reads " +
                             std::to_string(kFormatVersion) + ": use the version of clipdex that wrote it, or a newer one");
  }

  // RocksDB opens all column families or nothing, and a newer format may have more of them than are known here.
  void refuse_unknown_families(const rocksdb::DBOptions& options) const {
    std::vector<std::string> names;
    const auto status = rocksdb::DB::ListColumnFamilies(options, directory.string(), &names);
    if (!status.ok()) fail(directory, "cannot open the store", status);
    for (const auto& name : names) {
      const bool known = name == rocksdb::kDefaultColumnFamilyName ||
                         std::find(std::begin(kFamilyNames), std::end(kFamilyNames), name) != std::end(kFamilyNames);
      if (!known) refuse_version("newer than " + std::to_string(kFormatVersion));
    }
  }

  std::optional<std::string> read(Family which, std::string_view key, const rocksdb::ReadOptions& options = {}) const {
    std::string value;
    const auto status = db->Get(options, family(which), rocksdb::Slice(key.data(), key.size()), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) fail(directory, "cannot read", status);
    return value;
  }

  std::string required(std::string_view key) const {
    auto value = read(kSys, key);
    if (!value)
      throw CorruptionError("the store in " + directory.string() + " has no \"" + std::string(key) + "\": it is damaged or not clipdex's");
    return *value;
  }

  void load() {
    const auto version = parse_number(required(kFormatKey));
    if (version != kFormatVersion) refuse_version(std::to_string(version));
    info = decode_info(required(kInfoKey));
    next_row = parse_number(required(kNextRowKey));
    count = parse_number(required(kCountKey));
  }

  std::unique_ptr<rocksdb::Iterator> iterate(Family which, const rocksdb::ReadOptions& options = {}) const {
    return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options, family(which)));
  }

  // As many entries as rows, in their order.
  std::vector<std::optional<ImageRecord>> records(std::span<const std::uint64_t> rows, const rocksdb::ReadOptions& options) const {
    std::vector<std::string> keys;
    keys.reserve(rows.size());
    for (const auto row : rows) keys.push_back(row_key(row));
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(rows.size());
    std::vector<rocksdb::Status> statuses(rows.size());
    db->MultiGet(options, family(kRecords), rows.size(), slices.data(), values.data(), statuses.data());
    std::vector<std::optional<ImageRecord>> found(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) fail(directory, "cannot read", statuses[i]);
      found[i] = decode_record(rows[i], values[i].ToStringView());
    }
    return found;
  }

  void erase_row(rocksdb::WriteBatch& batch, const ImageRecord& record) const {
    const auto key = row_key(record.row);
    batch.Delete(family(kRecords), key);
    batch.Delete(family(kVectors), key);
    batch.Delete(family(kHashes), hash_key(record.content_hash, record.row));
    batch.Delete(family(kBlobs), blob_key(kThumbnailBlob, record.row));
    batch.Delete(family(kBlobs), blob_key(kOriginalBlob, record.row));
  }

  void put_image(rocksdb::WriteBatch& batch, const NewImage& image, std::uint64_t row) const {
    const auto key = row_key(row);
    batch.Put(family(kRecords), key, encode_record(image.record));
    batch.Put(family(kVectors), key, encode_embedding(image.embedding));
    batch.Put(family(kIds), image.record.id, key);
    batch.Put(family(kHashes), hash_key(image.record.content_hash, row), "");
    if (!image.thumbnail.empty()) batch.Put(family(kBlobs), blob_key(kThumbnailBlob, row), image.thumbnail);
    if (!image.original.empty()) batch.Put(family(kBlobs), blob_key(kOriginalBlob, row), image.original);
  }

  void check(const WriteRequest& request) const {
    std::set<std::string_view> ids;
    for (const auto& image : request.images) {
      if (image.embedding.size() != info.dimension) {
        throw std::invalid_argument("the embedding of \"" + image.record.id + "\" has " + std::to_string(image.embedding.size()) +
                                    " numbers, and " + std::to_string(info.dimension) + " is the dimension");
      }
      if (image.record.id.empty()) throw std::invalid_argument("an image without an id");
      if (!ids.insert(image.record.id).second) throw std::invalid_argument("the id \"" + image.record.id + "\" is given twice");
    }
  }

  void commit(rocksdb::WriteBatch& batch) {
    rocksdb::WriteOptions options;
    options.sync = true;
    auto status = db->Write(options, &batch);
    // After a full disk, be it in an earlier write or in a flush or compaction, RocksDB refuses writes until it is told to look again.
    if (!status.ok() && db->Resume().ok()) status = db->Write(options, &batch);
    if (!status.ok()) fail(directory, "cannot write", status);
  }

  fs::path directory;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  StoreInfo info;
  std::mutex write_mutex;
  std::uint64_t next_row = 0;  // under write_mutex
  std::atomic<std::uint64_t> count{0};
};

ImageStore::ImageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageStore::~ImageStore() = default;

std::unique_ptr<ImageStore> ImageStore::create(const fs::path& directory, const StoreInfo& info) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw std::runtime_error("cannot make " + directory.string() + ": " + error.message());
  auto impl = std::make_unique<Impl>();
  impl->directory = directory;
  impl->open(/*create=*/true);
  rocksdb::WriteBatch batch;
  auto* sys = impl->family(kSys);
  batch.Put(sys, rocksdb::Slice(kFormatKey), number_text(kFormatVersion));
  batch.Put(sys, rocksdb::Slice(kInfoKey), encode_info(info));
  batch.Put(sys, rocksdb::Slice(kNextRowKey), number_text(0));
  batch.Put(sys, rocksdb::Slice(kCountKey), number_text(0));
  impl->commit(batch);
  impl->load();
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(impl)));
}

std::unique_ptr<ImageStore> ImageStore::open(const fs::path& directory) {
  if (!fs::exists(directory / "CURRENT")) {
    throw std::runtime_error("there is no store in " + directory.string() + ": restore it from a backup, or make the collection again");
  }
  auto impl = std::make_unique<Impl>();
  impl->directory = directory;
  impl->open(/*create=*/false);
  impl->load();
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(impl)));
}

const StoreInfo& ImageStore::info() const { return impl_->info; }
std::uint64_t ImageStore::count() const { return impl_->count; }

std::optional<ImageRecord> ImageStore::find(std::string_view id) const {
  // A replacement between the two reads must not look like an absence.
  const View view(*impl_->db);
  const auto key = impl_->read(kIds, id, view.options());
  if (!key) return std::nullopt;
  const auto row = row_of_key(*key);
  const auto bytes = impl_->read(kRecords, *key, view.options());
  if (!bytes) throw CorruptionError("the record of row " + std::to_string(row) + " is missing in " + impl_->directory.string());
  return decode_record(row, *bytes);
}

std::optional<ImageRecord> ImageStore::get(std::uint64_t row) const {
  const auto bytes = impl_->read(kRecords, row_key(row));
  if (!bytes) return std::nullopt;
  return decode_record(row, *bytes);
}

std::vector<std::optional<ImageRecord>> ImageStore::get_many(std::span<const std::uint64_t> rows) const {
  return impl_->records(rows, rocksdb::ReadOptions());
}

std::optional<std::uint64_t> ImageStore::row_of_content(std::string_view content_hash) const {
  const auto iterator = impl_->iterate(kHashes);
  iterator->SeekForPrev(hash_key(content_hash, UINT64_MAX));
  if (iterator->Valid() && iterator->key().starts_with(content_hash) && iterator->key().size() == content_hash.size() + 8) {
    return row_of_key(iterator->key().ToStringView().substr(content_hash.size()));
  }
  if (!iterator->status().ok()) fail(impl_->directory, "cannot read", iterator->status());
  return std::nullopt;
}

std::optional<std::vector<float>> ImageStore::embedding(std::uint64_t row) const {
  const auto bytes = impl_->read(kVectors, row_key(row));
  if (!bytes) return std::nullopt;
  return decode_embedding(row, *bytes, impl_->info.dimension);
}

std::optional<std::string> ImageStore::thumbnail(std::uint64_t row) const { return impl_->read(kBlobs, blob_key(kThumbnailBlob, row)); }
std::optional<std::string> ImageStore::original(std::uint64_t row) const { return impl_->read(kBlobs, blob_key(kOriginalBlob, row)); }

std::vector<ImageRecord> ImageStore::list(std::string_view after_id, std::size_t limit) const {
  std::vector<std::uint64_t> rows;
  const View view(*impl_->db);
  const auto iterator = impl_->iterate(kIds, view.options());
  if (after_id.empty()) {
    iterator->SeekToFirst();
  } else {
    iterator->Seek(rocksdb::Slice(after_id.data(), after_id.size()));
    if (iterator->Valid() && iterator->key().ToStringView() == after_id) iterator->Next();
  }
  for (; iterator->Valid() && rows.size() < limit; iterator->Next()) rows.push_back(row_of_key(iterator->value().ToStringView()));
  if (!iterator->status().ok()) fail(impl_->directory, "cannot read", iterator->status());
  std::vector<ImageRecord> records;
  for (auto& record : impl_->records(rows, view.options())) {
    if (!record) throw CorruptionError("a listed image has no record in " + impl_->directory.string());
    records.push_back(std::move(*record));
  }
  return records;
}

void ImageStore::for_each_embedding(const std::function<void(std::uint64_t row, std::span<const float> embedding)>& visit) const {
  const View view(*impl_->db);
  rocksdb::ReadOptions options = view.options();
  options.readahead_size = std::size_t{2} << 20;
  options.fill_cache = false;
  const auto iterator = impl_->iterate(kVectors, options);
  std::uint64_t visited = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    const auto row = row_of_key(iterator->key().ToStringView());
    visit(row, decode_embedding(row, iterator->value().ToStringView(), impl_->info.dimension));
    ++visited;
  }
  if (!iterator->status().ok()) fail(impl_->directory, "cannot read", iterator->status());
  const auto count = impl_->read(kSys, kCountKey, view.options());
  if (!count || parse_number(*count) != visited) {
    throw CorruptionError("the store in " + impl_->directory.string() + " has " + std::to_string(visited) + " embeddings and should have " +
                          count.value_or("a count of them") + ": restore it from a backup, or make the collection again");
  }
}

WriteResult ImageStore::write(WriteRequest request) {
  impl_->check(request);
  const std::lock_guard lock(impl_->write_mutex);
  rocksdb::WriteBatch batch;
  WriteResult result;
  std::uint64_t count = impl_->count;
  std::uint64_t next_row = impl_->next_row;
  const auto remove = [&](const std::string& id) {
    const auto old = find(id);
    if (!old || std::find(result.removed_rows.begin(), result.removed_rows.end(), old->row) != result.removed_rows.end()) return;
    impl_->erase_row(batch, *old);
    result.removed_rows.push_back(old->row);
    --count;
  };
  // First, so that a deletion or replacement in the same request has the last word.
  for (auto& record : request.changed) {
    const auto current = find(record.id);
    if (current && current->row == record.row) batch.Put(impl_->family(kRecords), row_key(record.row), encode_record(record));
  }
  for (const auto& id : request.deleted_ids) {
    remove(id);
    batch.Delete(impl_->family(kIds), id);
  }
  for (auto& image : request.images) {
    remove(image.record.id);
    image.record.row = next_row++;
    impl_->put_image(batch, image, image.record.row);
    result.rows.push_back(image.record.row);
    ++count;
  }
  batch.Put(impl_->family(kSys), rocksdb::Slice(kNextRowKey), number_text(next_row));
  batch.Put(impl_->family(kSys), rocksdb::Slice(kCountKey), number_text(count));
  impl_->commit(batch);
  impl_->next_row = next_row;
  impl_->count = count;
  return result;
}

std::uint64_t ImageStore::disk_bytes() const {
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator entry(impl_->directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const auto size = entry->file_size(ignored);
    if (!ignored) total += size;
  }
  return total;
}

}  // namespace clipdex::storage
