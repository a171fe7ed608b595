#include "storage/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <memory>

#include "storage/key_layout.h"

namespace clipdex::storage {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// After a full disk RocksDB would wait in the background until some 64 MiB are free, looking every five seconds and refusing Resume()
// meanwhile. The store resumes by itself instead, with the next write, as soon as that one fits.
class NoRecoveryInBackground : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override { *auto_recovery = false; }
};

}  // namespace

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  // A torn last record is what a crash leaves and is dropped; damage before it is an error, never a silent loss.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // A finished log that is missing or shorter than what was synced is an error too.
  options.track_and_verify_wals_in_manifest = true;
  options.paranoid_checks = true;
  options.max_background_jobs = 2;
  options.max_total_wal_size = 64 * kMiB;
  options.max_open_files = 256;
  options.keep_log_file_num = 3;
  options.max_log_file_size = 4 * kMiB;
  options.listeners.push_back(std::make_shared<NoRecoveryInBackground>());
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> column_families(std::size_t write_buffer_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(64 * kMiB);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (const auto* name : kFamilyNames) {
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = write_buffer_bytes > 0 ? write_buffer_bytes : 16 * kMiB;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.compression = rocksdb::kNoCompression;
    if (name == std::string_view(kFamilyNames[kRecords])) options.compression = rocksdb::kLZ4Compression;
    if (name == std::string_view(kFamilyNames[kBlobs])) {
      // Pictures are written once: compaction moves their keys alone.
      options.enable_blob_files = true;
      options.min_blob_size = 1024;
      options.enable_blob_garbage_collection = true;
    }
    families.emplace_back(name, options);
  }
  return families;
}

}  // namespace clipdex::storage
