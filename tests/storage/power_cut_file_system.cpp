#include "tests/storage/power_cut_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/utilities/object_registry.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace clipdex::tests {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string clean(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

IOStatus no_power() { return IOStatus::IOError("the power is off"); }
IOStatus not_found(const std::string& path) { return IOStatus::PathNotFound(path); }

class Silence : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
  size_t GetLogFileSize() const override { return 0; }
};

class Lock : public rocksdb::FileLock {
 public:
  explicit Lock(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What RocksDB's registry hands out owns nothing.
class Registered : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "RegisteredPowerCutFileSystem"; }
};

}  // namespace

class PowerCutFileSystem::Sequential : public rocksdb::FSSequentialFile {
 public:
  Sequential(PowerCutFileSystem& files, NodePointer node) : files_(files), node_(std::move(node)) {}
  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    const auto size = position_ < node_->bytes.size() ? std::min(n, node_->bytes.size() - position_) : 0;
    std::memcpy(scratch, node_->bytes.data() + std::min(position_, node_->bytes.size()), size);
    position_ += size;
    *result = Slice(scratch, size);
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t n) override {
    position_ += n;
    return IOStatus::OK();
  }

 private:
  PowerCutFileSystem& files_;
  NodePointer node_;
  std::size_t position_ = 0;
};

class PowerCutFileSystem::RandomAccess : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccess(PowerCutFileSystem& files, NodePointer node) : files_(files), node_(std::move(node)) {}
  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) const override {
    const std::lock_guard lock(files_.mutex_);
    const auto size = offset < node_->bytes.size() ? std::min<std::size_t>(n, node_->bytes.size() - offset) : 0;
    if (size > 0) std::memcpy(scratch, node_->bytes.data() + offset, size);
    *result = Slice(scratch, size);
    return IOStatus::OK();
  }

 private:
  PowerCutFileSystem& files_;
  NodePointer node_;
};

class PowerCutFileSystem::Writable : public rocksdb::FSWritableFile {
 public:
  Writable(PowerCutFileSystem& files, NodePointer node) : files_(files), node_(std::move(node)), generation_(files.generation_) {}
  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    const auto status = files_.begin_change(generation_, [&] { node_->bytes.append(data.data(), data.size() / 2); });
    if (status.ok()) node_->bytes.append(data.data(), data.size());
    return status;
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    const auto status = files_.begin_change(generation_);
    if (!status.ok()) return status;
    node_->bytes.resize(size);
    node_->synced = std::min<std::size_t>(node_->synced, size);
    return status;
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    const auto status = files_.begin_change(generation_);
    if (status.ok()) node_->synced = node_->bytes.size();
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override { return Sync(options, context); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    return node_->bytes.size();
  }

 private:
  PowerCutFileSystem& files_;
  NodePointer node_;
  std::uint64_t generation_;
};

class PowerCutFileSystem::Directory : public rocksdb::FSDirectory {
 public:
  Directory(PowerCutFileSystem& files, std::string path) : files_(files), path_(std::move(path)), generation_(files.generation_) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    const std::lock_guard lock(files_.mutex_);
    const auto status = files_.begin_change(generation_);
    if (!status.ok()) return status;
    for (const auto& change : files_.pending_changes_[path_]) apply(files_.durable_names_, change);
    files_.pending_changes_.erase(path_);
    return status;
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  PowerCutFileSystem& files_;
  std::string path_;
  std::uint64_t generation_;
};

PowerCutFileSystem::PowerCutFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {
  auto root = std::make_shared<Node>();
  root->is_directory = true;
  names_["/"] = durable_names_["/"] = root;
}

void PowerCutFileSystem::register_as(const std::string& uri, const std::shared_ptr<PowerCutFileSystem>& files) {
  rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::FileSystem>(
      uri, [files](const std::string&, std::unique_ptr<rocksdb::FileSystem>* guard, std::string*) {
        guard->reset(new Registered(files));
        return guard->get();
      });
}

void PowerCutFileSystem::cut_power_after(std::uint64_t changes) {
  const std::lock_guard lock(mutex_);
  changes_left_ = changes;
}

bool PowerCutFileSystem::is_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

void PowerCutFileSystem::restart(std::mt19937_64& random) {
  const std::lock_guard lock(mutex_);
  // A journal keeps the order of changes in a directory, and may not have got as far as the last of them.
  for (const auto& [directory, changes] : pending_changes_) {
    const auto kept = random() % (changes.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) apply(durable_names_, changes[i]);
  }
  pending_changes_.clear();
  std::set<Node*> nodes;
  for (const auto& [path, node] : durable_names_) nodes.insert(node.get());
  for (auto* node : nodes) {
    const auto unsynced = node->bytes.size() - node->synced;
    const auto kind = random() % 4;
    const auto kept = kind == 0 ? 0 : kind == 1 ? unsynced : random() % (unsynced + 1);
    node->bytes.resize(node->synced + kept);
    node->synced = node->bytes.size();
  }
  names_ = durable_names_;
  locks_.clear();
  changes_left_ = UINT64_MAX;
  off_ = false;
  ++generation_;
}

IOStatus PowerCutFileSystem::begin_change(std::uint64_t generation, const std::function<void()>& partly) {
  if (off_ || generation != generation_) return no_power();
  if (changes_left_ > 0) {
    if (changes_left_ != UINT64_MAX) --changes_left_;
    return IOStatus::OK();
  }
  off_ = true;
  if (partly) partly();
  return no_power();
}

void PowerCutFileSystem::apply(std::map<std::string, NodePointer>& names, const Change& change) {
  for (const auto& [path, node] : change) {
    if (node) {
      names[path] = node;
    } else {
      names.erase(path);
    }
  }
}

IOStatus PowerCutFileSystem::change_names(const std::string& directory, const Change& change) {
  const auto status = begin_change(generation_);
  if (!status.ok()) return status;
  apply(names_, change);
  pending_changes_[directory].push_back(change);
  return status;
}

PowerCutFileSystem::NodePointer PowerCutFileSystem::find(const std::string& path) const {
  const auto found = names_.find(clean(path));
  return found == names_.end() ? nullptr : found->second;
}

IOStatus PowerCutFileSystem::NewSequentialFile(const std::string& path, const rocksdb::FileOptions&,
                                               std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  if (!node) return not_found(path);
  *result = std::make_unique<Sequential>(*this, node);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions&,
                                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  if (!node) return not_found(path);
  *result = std::make_unique<RandomAccess>(*this, node);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions&,
                                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = std::make_shared<Node>();
  const auto status = change_names(directory_of(path), {{path, node}});
  if (status.ok()) *result = std::make_unique<Writable>(*this, node);
  return status;
}

IOStatus PowerCutFileSystem::ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto node = find(path)) {
      *result = std::make_unique<Writable>(*this, node);
      return IOStatus::OK();
    }
  }
  return NewWritableFile(path, options, result, context);
}

IOStatus PowerCutFileSystem::ReuseWritableFile(const std::string&, const std::string&, const rocksdb::FileOptions&,
                                               std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) {
  return IOStatus::NotSupported("log files are not reused");
}

IOStatus PowerCutFileSystem::NewRandomRWFile(const std::string&, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSRandomRWFile>*,
                                             IODebugContext*) {
  return IOStatus::NotSupported("files are appended to");
}

IOStatus PowerCutFileSystem::NewMemoryMappedFileBuffer(const std::string&, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) {
  return IOStatus::NotSupported("there is nothing to map");
}

IOStatus PowerCutFileSystem::NewDirectory(const std::string& path, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* result,
                                          IODebugContext*) {
  const std::lock_guard lock(mutex_);
  if (!find(path)) return not_found(path);
  *result = std::make_unique<Directory>(*this, clean(path));
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::FileExists(const std::string& path, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  return find(path) ? IOStatus::OK() : IOStatus::NotFound(path);
}

IOStatus PowerCutFileSystem::GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  if (!find(path)) return not_found(path);
  const auto directory = clean(path);
  result->clear();
  for (const auto& [name, node] : names_) {
    if (name != "/" && directory_of(name) == directory) result->push_back(name.substr(name.rfind('/') + 1));
  }
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::GetChildrenFileAttributes(const std::string& path, const IOOptions& options,
                                                       std::vector<rocksdb::FileAttributes>* result, IODebugContext* context) {
  std::vector<std::string> children;
  const auto status = GetChildren(path, options, &children, context);
  const std::lock_guard lock(mutex_);
  result->clear();
  for (const auto& child : children) {
    if (const auto node = find(clean(path) + "/" + child)) result->push_back({child, node->bytes.size()});
  }
  return status;
}

IOStatus PowerCutFileSystem::DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  if (!find(path)) return not_found(path);
  return change_names(directory_of(path), {{path, nullptr}});
}

IOStatus PowerCutFileSystem::Truncate(const std::string& path, size_t size, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  if (!node) return not_found(path);
  const auto status = begin_change(generation_);
  if (!status.ok()) return status;
  node->bytes.resize(size);
  node->synced = std::min(node->synced, size);
  return status;
}

IOStatus PowerCutFileSystem::make_directory(const std::string& path, bool may_exist) {
  const std::lock_guard lock(mutex_);
  const auto directory = clean(path);
  if (find(directory)) return may_exist ? IOStatus::OK() : IOStatus::IOError(path + " exists");
  const auto node = std::make_shared<Node>();
  node->is_directory = true;
  return change_names(directory_of(directory), {{directory, node}});
}

IOStatus PowerCutFileSystem::CreateDir(const std::string& path, const IOOptions&, IODebugContext*) { return make_directory(path, false); }
IOStatus PowerCutFileSystem::CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) {
  return make_directory(path, true);
}

IOStatus PowerCutFileSystem::DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto directory = clean(path);
  if (!find(directory)) return not_found(path);
  return change_names(directory_of(directory), {{directory, nullptr}});
}

IOStatus PowerCutFileSystem::GetFileSize(const std::string& path, const IOOptions&, uint64_t* size, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  if (!node) return not_found(path);
  *size = node->bytes.size();
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::GetFileModificationTime(const std::string& path, const IOOptions&, uint64_t* time, IODebugContext*) {
  *time = 0;
  const std::lock_guard lock(mutex_);
  return find(path) ? IOStatus::OK() : not_found(path);
}

// A directory's children move with it; their own changes that are pending are taken as done, which spares a tree of nodes and loses nothing
// that the store relies on.
IOStatus PowerCutFileSystem::RenameFile(const std::string& source, const std::string& target, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto from = clean(source), to = clean(target);
  const auto node = find(from);
  if (!node) return not_found(source);
  Change change{{from, nullptr}, {to, node}};
  if (node->is_directory) {
    for (const auto& [name, child] : names_) {
      if (!name.starts_with(from + "/")) continue;
      change.emplace_back(name, nullptr);
      change.emplace_back(to + name.substr(from.size()), child);
    }
  }
  return change_names(directory_of(to), change);
}

IOStatus PowerCutFileSystem::LinkFile(const std::string& source, const std::string& target, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(source);
  if (!node) return not_found(source);
  return change_names(directory_of(target), {{target, node}});
}

IOStatus PowerCutFileSystem::NumFileLinks(const std::string& path, const IOOptions&, uint64_t* count, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  if (!node) return not_found(path);
  *count = static_cast<uint64_t>(std::count_if(names_.begin(), names_.end(), [&](const auto& name) { return name.second == node; }));
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::AreFilesSame(const std::string& first, const std::string& second, const IOOptions&, bool* same,
                                          IODebugContext*) {
  const std::lock_guard lock(mutex_);
  *same = find(first) == find(second);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** result, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  if (!locks_.insert(path).second) return IOStatus::IOError("lock hold by current process");
  *result = new Lock(path);
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::UnlockFile(rocksdb::FileLock* held, const IOOptions&, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const std::unique_ptr<Lock> owned(static_cast<Lock*>(held));
  locks_.erase(owned->path());
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>* result, IODebugContext*) {
  *result = std::make_shared<Silence>();
  return IOStatus::OK();
}

IOStatus PowerCutFileSystem::GetFreeSpace(const std::string&, const IOOptions&, uint64_t*, IODebugContext*) {
  return IOStatus::NotSupported("there is always room");
}

IOStatus PowerCutFileSystem::IsDirectory(const std::string& path, const IOOptions&, bool* is_directory, IODebugContext*) {
  const std::lock_guard lock(mutex_);
  const auto node = find(path);
  if (!node) return not_found(path);
  *is_directory = node->is_directory;
  return IOStatus::OK();
}

}  // namespace clipdex::tests
