#include "tests/index/power_cut_directory.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fstream>

namespace clipdex::tests {
namespace {

std::atomic<PowerCutDirectory*> watched = nullptr;

std::string name_of(const char* path) { return std::filesystem::path(path).filename().string(); }

}  // namespace

PowerCutDirectory::PowerCutDirectory(std::filesystem::path directory) : directory_(std::move(directory)) { watched = this; }
PowerCutDirectory::~PowerCutDirectory() { watched = nullptr; }

void PowerCutDirectory::cut_power_after(std::uint64_t changes) {
  const std::lock_guard lock(mutex_);
  changes_left_ = changes;
}

bool PowerCutDirectory::is_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

PowerCutDirectory::Changes PowerCutDirectory::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

std::set<std::string> PowerCutDirectory::restart(std::mt19937& random) {
  const std::lock_guard lock(mutex_);
  for (const auto& change : pending_changes_) {
    if (random() % 2 == 0) apply(durable_names_, change);
  }
  std::set<std::string> torn;
  for (const auto& [name, file] : durable_names_) {
    const auto survived = file->synced + random() % (file->bytes.size() - file->synced + 1);
    if (survived < file->bytes.size()) torn.insert(name);
    // A file may have its size and not yet its contents.
    const auto size = random() % 2 == 0 ? survived : file->bytes.size();
    file->bytes.resize(survived);
    file->bytes.resize(size);
    file->synced = size;
  }
  names_ = durable_names_;
  pending_changes_.clear();
  open_files_.clear();
  watched = nullptr;
  write_files();
  watched = this;
  changes_left_ = UINT64_MAX;
  off_ = false;
  return torn;
}

void PowerCutDirectory::write_files() const {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) std::filesystem::remove(entry.path());
  for (const auto& [name, file] : names_) std::ofstream(directory_ / name, std::ios::binary) << file->bytes;
}

bool PowerCutDirectory::begin_change() {
  off_ = off_ || changes_left_ == 0;
  if (off_) {
    errno = EIO;
    return false;
  }
  --changes_left_;
  return true;
}

void PowerCutDirectory::apply(Names& names, const Change& change) {
  for (const auto& [name, file] : change) {
    if (file) {
      names[name] = file;
    } else {
      names.erase(name);
    }
  }
}

void PowerCutDirectory::change_names(const Change& change) {
  apply(names_, change);
  pending_changes_.push_back(change);
}

bool PowerCutDirectory::is_of_it(const char* path) const {
  const std::filesystem::path opened(path);
  return opened == directory_ || opened.parent_path() == directory_;
}

bool PowerCutDirectory::begin_open(const char* path, bool creates) {
  const std::lock_guard lock(mutex_);
  return !creates || !is_of_it(path) || begin_change();
}

void PowerCutDirectory::opened(const char* path, int descriptor, bool creates) {
  const std::lock_guard lock(mutex_);
  open_files_.erase(descriptor);  // of an earlier file, which was closed
  if (!is_of_it(path)) return;
  if (directory_ == path) {
    open_files_[descriptor] = nullptr;
  } else if (creates) {
    change_names({{name_of(path), open_files_[descriptor] = std::make_shared<File>()}});
  }
}

bool PowerCutDirectory::begin_write(int descriptor) {
  const std::lock_guard lock(mutex_);
  return !open_files_.contains(descriptor) || begin_change();
}

void PowerCutDirectory::written(int descriptor, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (const auto file = open_files_.find(descriptor); file != open_files_.end()) file->second->bytes += bytes;
}

bool PowerCutDirectory::sync(int descriptor) {
  const std::lock_guard lock(mutex_);
  const auto found = open_files_.find(descriptor);
  if (found == open_files_.end()) return true;
  if (!begin_change()) return false;
  ++changes_.syncs;
  if (const auto& file = found->second) {
    file->synced = file->bytes.size();
  } else {
    durable_names_ = names_;
    pending_changes_.clear();
  }
  return true;
}

bool PowerCutDirectory::rename(const char* from, const char* to) {
  const std::lock_guard lock(mutex_);
  if (!is_of_it(from)) return true;
  const auto file = names_.find(name_of(from));
  if (file == names_.end()) return true;
  if (!begin_change()) return false;
  ++changes_.renamed;
  change_names({{name_of(from), nullptr}, {name_of(to), std::shared_ptr<File>(file->second)}});
  return true;
}

bool PowerCutDirectory::remove(const char* path) {
  const std::lock_guard lock(mutex_);
  if (!is_of_it(path) || !names_.contains(name_of(path))) return true;
  if (!begin_change()) return false;
  ++changes_.removed;
  change_names({{name_of(path), nullptr}});
  return true;
}

namespace {

int remove_file(const char* path, int flags) {
  auto* directory = watched.load();
  if (directory != nullptr && !directory->remove(path)) return -1;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, flags));
}

}  // namespace
}  // namespace clipdex::tests

// In the place of the C library's, in the whole program.
extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0U;
  va_end(arguments);
  auto* directory = clipdex::tests::watched.load();
  const bool creates = (flags & O_CREAT) != 0;
  if (directory != nullptr && !directory->begin_open(path, creates)) return -1;
  const int descriptor = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (directory != nullptr && descriptor >= 0) directory->opened(path, descriptor, creates);
  return descriptor;
}

ssize_t write(int descriptor, const void* bytes, size_t n) {
  auto* directory = clipdex::tests::watched.load();
  if (directory != nullptr && !directory->begin_write(descriptor)) return -1;
  const auto written = ::syscall(SYS_write, descriptor, bytes, n);
  if (directory != nullptr && written > 0) directory->written(descriptor, {static_cast<const char*>(bytes), static_cast<size_t>(written)});
  return written;
}

// The model alone decides what is kept, so that nothing waits for a disk.
int fsync(int descriptor) {
  auto* directory = clipdex::tests::watched.load();
  if (directory != nullptr) return directory->sync(descriptor) ? 0 : -1;
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int rename(const char* from, const char* to) noexcept {
  auto* directory = clipdex::tests::watched.load();
  if (directory != nullptr && !directory->rename(from, to)) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int unlink(const char* path) noexcept { return clipdex::tests::remove_file(path, 0); }

int remove(const char* path) noexcept {
  const int result = clipdex::tests::remove_file(path, 0);
  return result != 0 && errno == EISDIR ? static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)) : result;
}
}
