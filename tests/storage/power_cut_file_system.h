// A file system in memory for RocksDB that loses, when the power is cut, what a disk may lose: file contents that were not synced, and
// created, renamed and deleted names whose directory was not.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace clipdex::tests {

// Any thread may use it.
class PowerCutFileSystem : public rocksdb::FileSystemWrapper {
 public:
  // One file or directory, whatever its names are.
  struct Node {
    bool is_directory = false;
    std::string bytes;
    std::size_t synced = 0;  // so many of its first bytes survive for sure
  };
  using NodePointer = std::shared_ptr<Node>;

  PowerCutFileSystem();
  static const char* kClassName() { return "PowerCutFileSystem"; }
  const char* Name() const override { return kClassName(); }

  // Makes it known to RocksDB under this URI, for the life of the process.
  static void register_as(const std::string& uri, const std::shared_ptr<PowerCutFileSystem>& files);

  // From here on, the power goes off in the middle of the changes'th change (an append, a sync, a name). Everything fails after it.
  void cut_power_after(std::uint64_t changes);
  bool is_off() const;
  // What a disk may be like after the power is back: everything synced, and a random part of the rest. Handles from before stay dead.
  void restart(std::mt19937_64& random);

  rocksdb::IOStatus NewSequentialFile(const std::string&, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSSequentialFile>*,
                                      rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string&, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSRandomAccessFile>*,
                                        rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewWritableFile(const std::string&, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>*,
                                    rocksdb::IODebugContext*) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string&, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>*,
                                       rocksdb::IODebugContext*) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string&, const std::string&, const rocksdb::FileOptions&,
                                      std::unique_ptr<rocksdb::FSWritableFile>*, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string&, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSRandomRWFile>*,
                                    rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewMemoryMappedFileBuffer(const std::string&, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) override;
  rocksdb::IOStatus NewDirectory(const std::string&, const rocksdb::IOOptions&, std::unique_ptr<rocksdb::FSDirectory>*,
                                 rocksdb::IODebugContext*) override;
  rocksdb::IOStatus FileExists(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetChildren(const std::string&, const rocksdb::IOOptions&, std::vector<std::string>*,
                                rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetChildrenFileAttributes(const std::string&, const rocksdb::IOOptions&, std::vector<rocksdb::FileAttributes>*,
                                              rocksdb::IODebugContext*) override;
  rocksdb::IOStatus DeleteFile(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus Truncate(const std::string&, size_t, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus CreateDir(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus DeleteDir(const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetFileSize(const std::string&, const rocksdb::IOOptions&, uint64_t*, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetFileModificationTime(const std::string&, const rocksdb::IOOptions&, uint64_t*, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus RenameFile(const std::string&, const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus LinkFile(const std::string&, const std::string&, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NumFileLinks(const std::string&, const rocksdb::IOOptions&, uint64_t*, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus AreFilesSame(const std::string&, const std::string&, const rocksdb::IOOptions&, bool*,
                                 rocksdb::IODebugContext*) override;
  rocksdb::IOStatus LockFile(const std::string&, const rocksdb::IOOptions&, rocksdb::FileLock**, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus UnlockFile(rocksdb::FileLock*, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus NewLogger(const std::string&, const rocksdb::IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                              rocksdb::IODebugContext*) override;
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t*, rocksdb::IODebugContext*) override;
  rocksdb::IOStatus IsDirectory(const std::string&, const rocksdb::IOOptions&, bool*, rocksdb::IODebugContext*) override;

 private:
  class Sequential;
  class RandomAccess;
  class Writable;
  class Directory;

  // Names that change together: each gets a node, or loses its own.
  using Change = std::vector<std::pair<std::string, NodePointer>>;

  // Under mutex_. Whether the next change may happen; `partly` is called when the power goes off in the middle of it.
  rocksdb::IOStatus begin_change(std::uint64_t generation, const std::function<void()>& partly = {});
  rocksdb::IOStatus change_names(const std::string& directory, const Change& change);
  static void apply(std::map<std::string, NodePointer>& names, const Change& change);
  NodePointer find(const std::string& path) const;
  rocksdb::IOStatus make_directory(const std::string& path, bool may_exist);

  mutable std::mutex mutex_;
  std::map<std::string, NodePointer> names_;                    // as programs see them
  std::map<std::string, NodePointer> durable_names_;            // as they are on the disk
  std::map<std::string, std::vector<Change>> pending_changes_;  // of each directory since its last sync
  std::set<std::string> locks_;
  std::uint64_t changes_left_ = UINT64_MAX;
  std::uint64_t generation_ = 0;
  bool off_ = false;
};

}  // namespace clipdex::tests
