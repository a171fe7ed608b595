// How RocksDB is set up. Private to storage/: RocksDB shows here.
#pragma once

#include <rocksdb/db.h>

#include <cstddef>
#include <vector>

namespace clipdex::storage {

rocksdb::DBOptions database_options();
// One a column family, in the order of kFamilyNames, behind RocksDB's own "default". `write_buffer_bytes`: StoreOptions.
std::vector<rocksdb::ColumnFamilyDescriptor> column_families(std::size_t write_buffer_bytes);

}  // namespace clipdex::storage
