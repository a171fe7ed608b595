// Reading many: pages, and passes over everything in one consistent view.
#include <array>
#include <utility>

#include "storage/image_store_impl.h"
#include "storage/operation_log.h"
#include "storage/record_format.h"

namespace clipdex::storage {
namespace {

constexpr std::size_t kReadAheadBytes = std::size_t{2} << 20;
constexpr std::size_t kRecordsAtOnce = 256;

// A pass over much of the store reads ahead and leaves the block cache to others.
rocksdb::ReadOptions scan_options(const View& view) {
  auto options = view.options();
  options.readahead_size = kReadAheadBytes;
  options.fill_cache = false;
  return options;
}

std::unique_ptr<rocksdb::Iterator> ids_after(const Database& database, std::string_view after_id, const rocksdb::ReadOptions& options) {
  auto iterator = database.iterate(kIds, options);
  iterator->Seek(slice(after_id));
  if (!after_id.empty() && iterator->Valid() && iterator->key().ToStringView() == after_id) iterator->Next();
  return iterator;
}

}  // namespace

std::vector<ImageRecord> ImageStore::list(std::string_view after_id, std::size_t limit) const {
  const auto database = impl_->use();
  const View view(*database);
  std::vector<std::uint64_t> rows;
  const auto iterator = ids_after(*database, after_id, view.options());
  for (; iterator->Valid() && rows.size() < limit; iterator->Next()) rows.push_back(row_of_key(iterator->value().ToStringView()));
  database->check(*iterator);
  std::vector<ImageRecord> records;
  records.reserve(rows.size());
  for (auto& record : impl_->records(*database, rows, view.options())) {
    if (!record) throw CorruptionError("a listed image has no record in " + impl_->directory.string());
    records.push_back(std::move(*record));
  }
  return records;
}

void ImageStore::for_each_embedding(const EmbeddingVisitor& visit, std::uint64_t first_row, std::uint64_t last_row) const {
  const auto database = impl_->use();
  const View view(*database);
  const auto iterator = database->iterate(kVectors, scan_options(view));
  std::vector<float> embedding(impl_->info.dimension);
  std::uint64_t visited = 0;
  for (iterator->Seek(row_key(first_row)); iterator->Valid(); iterator->Next(), ++visited) {
    const auto row = row_of_key(iterator->key().ToStringView());
    if (row > last_row) break;
    decode_embedding(row, iterator->value().ToStringView(), embedding);
    visit(row, embedding);
  }
  database->check(*iterator);
  if (first_row != 0 || last_row != UINT64_MAX) return;
  const auto count = parse_number(database->required(kCountKey, view.options()));
  if (count != visited) {
    throw CorruptionError("the store in " + impl_->directory.string() + " has " + std::to_string(visited) + " embeddings and should have " +
                          std::to_string(count) + ": restore it from a backup, or make the collection again");
  }
}

void ImageStore::for_each_record(const RecordVisitor& visit, std::string_view after_id, bool with_embeddings) const {
  const auto database = impl_->use();
  const View view(*database);
  const auto options = scan_options(view);
  const auto dimension = with_embeddings ? std::size_t{impl_->info.dimension} : 0;
  const auto iterator = ids_after(*database, after_id, options);
  std::vector<float> embeddings(dimension * kRecordsAtOnce);
  while (iterator->Valid()) {
    std::vector<std::uint64_t> rows;
    for (; iterator->Valid() && rows.size() < kRecordsAtOnce; iterator->Next())
      rows.push_back(row_of_key(iterator->value().ToStringView()));
    const auto records = impl_->records(*database, rows, options);
    std::size_t found = 0;
    if (with_embeddings) {
      std::vector<std::string> keys;
      keys.reserve(rows.size());
      for (const auto row : rows) keys.push_back(row_key(row));
      database->read_many(kVectors, keys, options, [&](std::size_t i, std::string_view bytes) {
        decode_embedding(rows[i], bytes, std::span(embeddings).subspan(i * dimension, dimension));
        ++found;
      });
      if (found != rows.size()) throw CorruptionError("an image has no embedding in " + impl_->directory.string());
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!records[i])
        throw CorruptionError("the record of row " + std::to_string(rows[i]) + " is missing in " + impl_->directory.string());
      visit(*records[i], std::span(embeddings).subspan(i * dimension, dimension));
    }
  }
  database->check(*iterator);
}

void ImageStore::for_each_operation_after(std::uint64_t sequence, const std::function<void(const Operation&)>& visit) const {
  for_each_operation(*impl_->use(), sequence, visit);
}

}  // namespace clipdex::storage
