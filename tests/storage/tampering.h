// Changes a store behind its back, for tests.
#pragma once

#include <rocksdb/db.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

namespace clipdex::tests {

using Families = std::vector<rocksdb::ColumnFamilyHandle*>;  // behind RocksDB's "default", in the order of kFamilyNames

inline void tamper(const std::filesystem::path& path, const std::function<void(rocksdb::DB&, const Families&)>& change) {
  std::vector<std::string> names;
  auto status = rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path.string(), &names);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const auto& name : names) descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  rocksdb::DB* opened = nullptr;
  Families families;
  if (status.ok()) status = rocksdb::DB::Open(rocksdb::DBOptions(), path.string(), descriptors, &families, &opened);
  if (!status.ok()) throw std::runtime_error(status.ToString());
  const std::unique_ptr<rocksdb::DB> database(opened);
  change(*database, families);
  for (auto* family : families) database->DestroyColumnFamilyHandle(family);
}

}  // namespace clipdex::tests
