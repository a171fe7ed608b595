#include "engine/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "engine/durable_files.h"
#include "engine/errors.h"

namespace clipdex::engine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::generic_category().message(error));
}

// As far as it is allowed: a directory above may be one that this process may not read.
void sync_ancestors(const fs::path& directory) {
  for (auto above = fs::absolute(directory).lexically_normal(); above != above.root_path();) {
    above = above.parent_path();
    const int descriptor = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) continue;
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

std::string owner_of(int lock) {
  char text[32] = {};
  const auto size = ::pread(lock, text, sizeof text - 1, 0);
  return size > 0 ? " " + std::string(text, static_cast<std::size_t>(size)) : "";
}

int lock_file(const fs::path& directory) {
  const auto file = directory / "LOCK";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) {
    const int error = errno;
    fail("the data directory " + directory.string() + " cannot be written (name another one with --data, or change its permissions)",
         error);
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const std::string owner = owner_of(lock);
    ::close(lock);
    throw ConflictError("the data directory " + directory.string() + " is in use by clipdex process" + owner +
                        ": talk to that one with --server, stop it, or name another directory with --data");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock, 0) != 0 || ::pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int error = errno;
    ::close(lock);
    if (error == ENOSPC || error == EDQUOT)
      throw DiskFullError("the disk of the data directory " + directory.string() + " is full: free some space");
    fail("the data directory " + directory.string() + " cannot be written", error);
  }
  return lock;
}

std::vector<std::string> directories_in(const fs::path& directory) {
  std::vector<std::string> names;
  if (!fs::exists(directory)) return names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

DataDirectory::DataDirectory(const fs::path& path) : path_(path) {
  std::error_code error;
  const bool is_new = !fs::exists(path, error);
  fs::create_directories(path, error);
  if (error) throw std::runtime_error("the data directory " + path.string() + " cannot be made: " + error.message());
  lock_ = lock_file(path);
  try {
    fs::remove_all(path / ".trash");
    remove_half_made_snapshots();
    fs::create_directories(path / ".trash");
    fs::create_directories(path / "collections");
    // What is stored below is durable only if the way to it is.
    sync_directory(path);
    if (is_new) sync_ancestors(path);
  } catch (const fs::filesystem_error& failure) {
    ::close(lock_);
    throw std::runtime_error("the data directory " + path.string() + " cannot be written: " + failure.code().message());
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

// Their files, shared with collections, would stay on the disk for ever.
void DataDirectory::remove_half_made_snapshots() const {
  for (const auto& name : directories_in(snapshots())) {
    if (name.ends_with(kBeingMade)) fs::remove_all(snapshots() / name);
  }
}

DataDirectory::~DataDirectory() { ::close(lock_); }

fs::path DataDirectory::collection(std::string_view name) const { return path_ / "collections" / name; }

std::vector<std::string> DataDirectory::collection_names() const { return directories_in(path_ / "collections"); }

std::vector<std::string> DataDirectory::snapshot_names() const {
  auto names = directories_in(snapshots());
  // One that is being made, or was when the process died.
  std::erase_if(names, [](const std::string& name) { return name.find('.') != std::string::npos; });
  return names;
}

fs::path DataDirectory::scratch() { return path_ / ".trash" / std::to_string(++scratches_); }

void DataDirectory::move(const fs::path& from, const fs::path& to) {
  try {
    sync_directory(from);
    fs::rename(from, to);
    sync_directory(to.parent_path());
    if (from.parent_path() != to.parent_path()) sync_directory(from.parent_path());
  } catch (const fs::filesystem_error& error) {
    fail_as_disk("the data directory " + path_.string() + " cannot be changed", error);
  }
}

}  // namespace clipdex::engine
