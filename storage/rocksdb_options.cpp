#include "storage/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <memory>

#include "storage/key_layout.h"

namespace clipdex::storage {
namespace {

constexpr std::size_t kKiB = std::size_t{1} << 10;
constexpr std::size_t kMiB = std::size_t{1} << 20;

// After a full disk RocksDB would try to recover in the background, by flushes that may wait for ever. The store opens the database again
// instead, with the next write that fits (image_store_commit.cpp).
class NoRecoveryInBackground : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override { *auto_recovery = false; }
};

// Every row is handed out once and in order, so flushed files of these families do not overlap: compaction moves them down a level without
// rewriting a byte, and an embedding is written twice in its life, to the log and to its file.
bool is_keyed_by_row(Family family) { return family == kRecords || family == kVectors; }

rocksdb::BlockBasedTableOptions table_options(Family family, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  // An embedding of 512 floats takes 2 KiB: with blocks of the default 4 KiB a million rows have an index of half a million entries.
  if (family == kVectors) table.block_size = 16 * kKiB;
  // Asked about what is mostly not there: ids of new images, hashes of new contents (by prefix). Rows are asked for when they are known.
  if (family == kIds || family == kHashes) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = family != kHashes;
  return table;
}

rocksdb::ColumnFamilyOptions family_options(Family family, std::size_t write_buffer_bytes, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  const bool is_large = family == kVectors || family == kBlobs;
  options.write_buffer_size = write_buffer_bytes > 0 ? write_buffer_bytes : (is_large ? 32 : 8) * kMiB;
  // A bulk load goes on while some of them are flushed.
  options.max_write_buffer_number = 4;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(family, cache)));
  // Floats and pictures do not become smaller.
  options.compression = family == kRecords ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  if (is_keyed_by_row(family)) {
    // The default rewrites every file once a month.
    options.ttl = 0;
    options.periodic_compaction_seconds = 0;
  }
  if (family == kHashes) {
    options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kContentHashDigits));
    options.memtable_prefix_bloom_size_ratio = 0.05;
  }
  if (family == kBlobs) {
    // Pictures are written once: compaction moves their keys alone.
    options.enable_blob_files = true;
    options.min_blob_size = kKiB;
    options.enable_blob_garbage_collection = true;
  }
  return options;
}

}  // namespace

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  // A torn last record is what a crash leaves and is dropped; damage before it is an error, never a silent loss.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // A finished log that is missing or shorter than what was synced is an error too.
  options.track_and_verify_wals_in_manifest = true;
  options.paranoid_checks = true;
  options.max_background_jobs = 2;
  // Opening reads the log: this bounds how long that takes. Families are flushed when it is reached, so the write buffers need not be
  // larger.
  options.max_total_wal_size = 64 * kMiB;
  options.bytes_per_sync = kMiB;  // flushes write steadily, so that they do not delay the log's syncs at their end
  options.max_open_files = 512;
  options.keep_log_file_num = 3;
  options.max_log_file_size = 4 * kMiB;
  options.listeners.push_back(std::make_shared<NoRecoveryInBackground>());
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(std::size_t write_buffer_bytes) {
  const auto cache = rocksdb::NewLRUCache(64 * kMiB);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (std::size_t i = 0; i < kFamilies; ++i)
    families.emplace_back(kFamilyNames[i], family_options(static_cast<Family>(i), write_buffer_bytes, cache));
  return families;
}

}  // namespace clipdex::storage
