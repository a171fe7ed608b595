// Writing: each request becomes one synced batch. Who has several at once puts them into one request.
#include <chrono>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "storage/byte_format.h"
#include "storage/image_store_impl.h"
#include "storage/operation_log.h"
#include "storage/record_format.h"

namespace clipdex::storage {

namespace {

// A request with what can be encoded before it has its turn.
struct EncodedRequest {
  explicit EncodedRequest(WriteRequest&& wanted) : request(std::move(wanted)) {
    image_records.reserve(request.images.size());
    embedding_checksums.reserve(request.images.size());
    for (const auto& image : request.images) {
      image_records.push_back(encode_record(image.record));
      embedding_checksums.push_back(embedding_checksum(image.embedding));
      bytes += image_records.back().size() + image.embedding.size() * sizeof(float) + image.thumbnail.size() + image.original.size();
    }
    changed_records.reserve(request.changed.size());
    for (const auto& record : request.changed) {
      changed_records.push_back(encode_record(record));
      bytes += changed_records.back().size();
    }
  }

  WriteRequest request;
  std::vector<std::string> image_records;  // without their checksums: those need the row
  std::vector<std::uint64_t> embedding_checksums;
  std::vector<std::string> changed_records;
  std::size_t bytes = 0;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string_view bytes_of(const std::uint64_t& number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }

void put_parts(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, std::string_view key, std::uint64_t front,
               std::string_view rest) {
  const rocksdb::Slice key_part = slice(key);
  const rocksdb::Slice value_parts[] = {slice(bytes_of(front)), slice(rest)};
  batch.Put(family, rocksdb::SliceParts(&key_part, 1), rocksdb::SliceParts(value_parts, 2));
}

// Turns a request into a batch.
class BatchBuilder {
 public:
  BatchBuilder(const Database& database, const StoreCounters& counters, const WriteRequest& request, std::size_t bytes)
      : database_(database), counters_(counters), batch_(bytes + 256 * request.images.size() + 4096) {
    find_live(request);
  }

  // Once. The images get their rows.
  WriteResult add(EncodedRequest& encoded) {
    auto& request = encoded.request;
    WriteResult result;
    Operation operation{.sequence = ++counters_.last_sequence, .time_ms = now_ms(), .first_row = counters_.next_row};
    // First, so that a deletion or replacement in the same request has the last word.
    for (std::size_t i = 0; i < request.changed.size(); ++i) {
      const auto& record = request.changed[i];
      const auto live = live_.find(record.id);
      if (live == live_.end() || live->second.row != record.row) continue;
      put_record(record.row, encoded.changed_records[i]);
      ++operation.changed_records;
    }
    for (const auto& id : request.deleted_ids) {
      if (remove(id, operation.removed_rows)) batch_.Delete(database_.family(kIds), id);
    }
    result.rows.reserve(request.images.size());
    for (std::size_t i = 0; i < request.images.size(); ++i) {
      auto& image = request.images[i];
      remove(image.record.id, operation.removed_rows);
      image.record.row = counters_.next_row++;
      put_image(image, encoded.image_records[i], encoded.embedding_checksums[i]);
      live_[image.record.id] = {image.record.row, image.record.content_hash};
      result.rows.push_back(image.record.row);
      ++counters_.count;
    }
    operation.added_rows = request.images.size();
    operation.count = counters_.count;
    put_operation(database_, batch_, operation);
    result.removed_rows = std::move(operation.removed_rows);
    result.sequence = operation.sequence;
    return result;
  }

  rocksdb::WriteBatch& finish() {
    put_counters(database_, batch_, counters_);
    return batch_;
  }

  const StoreCounters& counters() const { return counters_; }

 private:
  struct Live {
    std::uint64_t row;
    std::string content_hash;
  };

  // Looks up all ids at once.
  void find_live(const WriteRequest& request) {
    std::vector<std::string> ids;
    ids.reserve(request.images.size() + request.deleted_ids.size() + request.changed.size());
    for (const auto& image : request.images) ids.push_back(image.record.id);
    for (const auto& id : request.deleted_ids) ids.push_back(id);
    for (const auto& record : request.changed) ids.push_back(record.id);
    live_.reserve(ids.size());
    const rocksdb::ReadOptions options;
    std::vector<std::string> keys;
    std::vector<std::size_t> places;
    database_.read_many(kIds, ids, options, [&](std::size_t i, std::string_view key) {
      keys.emplace_back(key);
      places.push_back(i);
    });
    std::size_t found = 0;
    database_.read_many(kRecords, keys, options, [&](std::size_t i, std::string_view bytes) {
      const auto row = row_of_key(keys[i]);
      live_[ids[places[i]]] = {row, decode_record(row, bytes).content_hash};
      ++found;
    });
    if (found != keys.size()) throw CorruptionError("an image has no record in " + database_.directory().string());
  }

  // False if there is no such image.
  bool remove(const std::string& id, std::vector<std::uint64_t>& removed_rows) {
    const auto live = live_.find(id);
    if (live == live_.end()) return false;
    const auto row = live->second.row;
    const auto key = row_key(row);
    batch_.Delete(database_.family(kRecords), key);
    batch_.Delete(database_.family(kVectors), key);
    batch_.Delete(database_.family(kHashes), hash_key(live->second.content_hash, row));
    batch_.Delete(database_.family(kBlobs), blob_key(kThumbnailBlob, row));
    batch_.Delete(database_.family(kBlobs), blob_key(kOriginalBlob, row));
    removed_rows.push_back(row);
    live_.erase(live);
    --counters_.count;
    return true;
  }

  void put_record(std::uint64_t row, std::string_view bytes) {
    put_parts(batch_, database_.family(kRecords), row_key(row), checksum(bytes, row), bytes);
  }

  void put_image(const NewImage& image, std::string_view record_bytes, std::uint64_t embedding_sum) {
    const auto row = image.record.row;
    const auto key = row_key(row);
    put_record(row, record_bytes);
    put_parts(batch_, database_.family(kVectors), key, embedding_sum,
              {reinterpret_cast<const char*>(image.embedding.data()), image.embedding.size() * sizeof(float)});
    batch_.Put(database_.family(kIds), image.record.id, key);
    batch_.Put(database_.family(kHashes), hash_key(image.record.content_hash, row), "");
    if (!image.thumbnail.empty()) batch_.Put(database_.family(kBlobs), blob_key(kThumbnailBlob, row), image.thumbnail);
    if (!image.original.empty()) batch_.Put(database_.family(kBlobs), blob_key(kOriginalBlob, row), image.original);
  }

  const Database& database_;
  StoreCounters counters_;
  rocksdb::WriteBatch batch_;
  std::unordered_map<std::string, Live> live_;
};

void check_request(const WriteRequest& request, std::size_t dimension) {
  std::unordered_set<std::string_view> ids;
  for (const auto& image : request.images) {
    if (image.embedding.size() != dimension) {
      throw std::invalid_argument("the embedding of \"" + image.record.id + "\" has " + std::to_string(image.embedding.size()) +
                                  " numbers, and " + std::to_string(dimension) + " is the dimension");
    }
    if (image.record.id.empty()) throw std::invalid_argument("an image without an id");
    if (!ids.insert(image.record.id).second) throw std::invalid_argument("the id \"" + image.record.id + "\" is given twice");
  }
}

}  // namespace

WriteResult ImageStore::write(WriteRequest request) {
  check_request(request, impl_->info.dimension);
  EncodedRequest encoded(std::move(request));
  const std::lock_guard lock(impl_->write_mutex);
  impl_->make_writable(encoded.bytes);
  // The database is not held while the batch is committed: a full disk may close it.
  BatchBuilder builder(*impl_->use(), impl_->counters, encoded.request, encoded.bytes);
  auto result = builder.add(encoded);
  impl_->commit(builder.finish(), result.sequence);
  impl_->publish_counters(builder.counters());
  return result;
}

void ImageStore::put_index_manifest(std::string_view bytes, std::uint64_t sequence) {
  const std::lock_guard lock(impl_->write_mutex);
  impl_->make_writable(bytes.size());
  auto counters = impl_->counters;
  if (sequence > counters.last_sequence || sequence < counters.trimmed_sequence) {
    throw std::invalid_argument("an index manifest for operation " + std::to_string(sequence) + ", and those behind " +
                                std::to_string(counters.trimmed_sequence) + " up to " + std::to_string(counters.last_sequence) +
                                " are there");
  }
  rocksdb::WriteBatch batch;
  {
    const auto database = impl_->use();
    put_parts(batch, database->family(kSys), kIndexManifestKey, checksum(bytes, 0), bytes);
    trim_operations(*database, batch, counters.trimmed_sequence + 1, sequence);
    counters.trimmed_sequence = sequence;
    put_counters(*database, batch, counters);
  }
  impl_->commit(batch, 0);
  impl_->publish_counters(counters);
}

}  // namespace clipdex::storage
