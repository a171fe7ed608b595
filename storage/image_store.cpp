#include "storage/image_store.h"

#include <utility>

#include "storage/byte_format.h"
#include "storage/format_upgrade.h"
#include "storage/image_store_impl.h"
#include "storage/operation_log.h"
#include "storage/record_format.h"

namespace clipdex::storage {

namespace fs = std::filesystem;

std::shared_ptr<const Database> ImageStore::Impl::use() const {
  std::unique_lock lock(database_mutex_);
  drained_.wait(lock, [this] { return !draining_; });
  if (!database_) throw std::runtime_error("the store in " + directory.string() + " could not be opened again: start clipdex again");
  return database_;
}

void ImageStore::Impl::load() {
  const auto now = use();
  const auto version = parse_number(now->required(kFormatKey));
  if (version != kFormatVersion) refuse_version(directory, std::to_string(version));
  info = decode_info(now->required(kInfoKey));
  publish_counters(read_counters(*now));
}

void ImageStore::Impl::publish_counters(const StoreCounters& now) {
  counters = now;
  count = now.count;
  last_sequence = now.last_sequence;
}

std::vector<std::optional<ImageRecord>> ImageStore::Impl::records(const Database& database, std::span<const std::uint64_t> rows,
                                                                  const rocksdb::ReadOptions& read_options) const {
  std::vector<std::string> keys;
  keys.reserve(rows.size());
  for (const auto row : rows) keys.push_back(row_key(row));
  std::vector<std::optional<ImageRecord>> found(rows.size());
  database.read_many(kRecords, keys, read_options,
                     [&](std::size_t i, std::string_view bytes) { found[i] = decode_record(rows[i], bytes); });
  return found;
}

ImageStore::ImageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageStore::~ImageStore() = default;

std::unique_ptr<ImageStore> ImageStore::create(const fs::path& directory, const StoreInfo& info, StoreOptions options) {
  auto impl = std::make_unique<Impl>(directory, std::move(options));
  const auto database = std::make_shared<const Database>(directory, impl->options, Database::Mode::kCreate);
  impl->database_ = database;
  rocksdb::WriteBatch batch;
  batch.Put(database->family(kSys), slice(kFormatKey), number_text(kFormatVersion));
  batch.Put(database->family(kSys), slice(kInfoKey), encode_info(info));
  put_counters(*database, batch, StoreCounters());
  impl->commit(batch, 0);
  impl->load();
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(impl)));
}

std::unique_ptr<ImageStore> ImageStore::open(const fs::path& directory, StoreOptions options) {
  auto impl = std::make_unique<Impl>(directory, std::move(options));
  impl->database_ = std::make_shared<const Database>(directory, impl->options, Database::Mode::kOpen);
  upgrade_format(*impl->database_);
  impl->load();
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(impl)));
}

const StoreInfo& ImageStore::info() const { return impl_->info; }
std::uint64_t ImageStore::count() const { return impl_->count; }
std::uint64_t ImageStore::last_sequence() const { return impl_->last_sequence; }

std::optional<ImageRecord> ImageStore::find(std::string_view id) const {
  // A replacement between the two reads must not look like an absence.
  const auto database = impl_->use();
  const View view(*database);
  const auto key = database->read(kIds, id, view.options());
  if (!key) return std::nullopt;
  const auto row = row_of_key(*key);
  const auto bytes = database->read(kRecords, *key, view.options());
  if (!bytes) throw CorruptionError("the record of row " + std::to_string(row) + " is missing in " + impl_->directory.string());
  return decode_record(row, *bytes);
}

std::vector<std::optional<ImageRecord>> ImageStore::find_many(std::span<const std::string> ids) const {
  const auto database = impl_->use();
  const View view(*database);
  std::vector<std::uint64_t> rows;
  std::vector<std::size_t> places;
  database->read_many(kIds, ids, view.options(), [&](std::size_t i, std::string_view key) {
    places.push_back(i);
    rows.push_back(row_of_key(key));
  });
  auto records = impl_->records(*database, rows, view.options());
  std::vector<std::optional<ImageRecord>> found(ids.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!records[i]) throw CorruptionError("the record of row " + std::to_string(rows[i]) + " is missing in " + impl_->directory.string());
    found[places[i]] = std::move(records[i]);
  }
  return found;
}

std::optional<ImageRecord> ImageStore::get(std::uint64_t row) const {
  const auto bytes = impl_->use()->read(kRecords, row_key(row));
  if (!bytes) return std::nullopt;
  return decode_record(row, *bytes);
}

std::vector<std::optional<ImageRecord>> ImageStore::get_many(std::span<const std::uint64_t> rows) const {
  return impl_->records(*impl_->use(), rows, rocksdb::ReadOptions());
}

std::optional<std::uint64_t> ImageStore::row_of_content(std::string_view content_hash) const {
  const auto database = impl_->use();
  const auto iterator = database->iterate(kHashes);
  iterator->SeekForPrev(hash_key(content_hash, UINT64_MAX));
  if (iterator->Valid() && iterator->key().starts_with(content_hash) && iterator->key().size() == content_hash.size() + 8)
    return row_of_key(iterator->key().ToStringView().substr(content_hash.size()));
  database->check(*iterator);
  return std::nullopt;
}

std::optional<std::vector<float>> ImageStore::embedding(std::uint64_t row) const {
  const auto bytes = impl_->use()->read(kVectors, row_key(row));
  if (!bytes) return std::nullopt;
  std::vector<float> embedding(impl_->info.dimension);
  decode_embedding(row, *bytes, embedding);
  return embedding;
}

std::optional<std::string> ImageStore::thumbnail(std::uint64_t row) const {
  return impl_->use()->read(kBlobs, blob_key(kThumbnailBlob, row));
}
std::optional<std::string> ImageStore::original(std::uint64_t row) const {
  return impl_->use()->read(kBlobs, blob_key(kOriginalBlob, row));
}

std::optional<std::string> ImageStore::index_manifest() const {
  const auto value = impl_->use()->read(kSys, kIndexManifestKey);
  if (!value) return std::nullopt;
  const auto bytes = verified(*value, 0);
  if (!bytes) throw CorruptionError("the index manifest in " + impl_->directory.string() + " is damaged");
  return std::string(*bytes);
}

std::uint64_t ImageStore::disk_bytes() const {
  const auto database = impl_->use();
  std::vector<rocksdb::FileAttributes> files;
  if (!database->files().GetChildrenFileAttributes(impl_->directory.string(), rocksdb::IOOptions(), &files, nullptr).ok()) return 0;
  std::uint64_t total = 0;
  for (const auto& file : files) total += file.size_bytes;
  return total;
}

}  // namespace clipdex::storage
