// A directory that loses, when the power is cut, what a disk may lose: file contents that were not synced, and created, renamed and deleted
// names that the directory was not synced after. The program's calls of open(), write(), fsync(), rename(), unlink() and remove() go
// through power_cut_directory.cpp, so that it sees what the index does and not what it says it does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clipdex::tests {

// Files are written from their beginnings to their ends, without subdirectories. One at a time in a process; any thread may use the
// directory.
class PowerCutDirectory {
 public:
  // It is there, and empty.
  explicit PowerCutDirectory(std::filesystem::path directory);
  ~PowerCutDirectory();
  PowerCutDirectory(const PowerCutDirectory&) = delete;
  PowerCutDirectory& operator=(const PowerCutDirectory&) = delete;

  // From here on, so many changes (a name, a write, a sync) succeed. With the next one the power goes off: it and all later ones fail.
  void cut_power_after(std::uint64_t changes);
  bool is_off() const;
  // Makes the directory what it may be after the power is back: everything synced, and a random part of the rest. Returns the names of
  // files that have lost some of their contents. What was opened before is not to be used any more.
  std::set<std::string> restart(std::mt19937& random);

  // What has happened so far, whatever it was that did it.
  struct Changes {
    std::uint64_t syncs = 0, renamed = 0, removed = 0;
  };
  Changes changes() const;

  // For the functions that stand in for the system's. Whether the change may happen; errno is set if it may not.
  bool is_of_it(const char* path) const;
  bool begin_open(const char* path, bool creates);
  void opened(const char* path, int descriptor, bool creates);
  bool begin_write(int descriptor);
  void written(int descriptor, std::string_view bytes);
  bool sync(int descriptor);
  bool rename(const char* from, const char* to);
  bool remove(const char* path);

 private:
  // One file, whatever its names are.
  struct File {
    std::string bytes;
    std::size_t synced = 0;  // so many of its first bytes survive for sure
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  // Names that change together: each gets a file, or loses its own.
  using Change = std::vector<std::pair<std::string, std::shared_ptr<File>>>;

  bool begin_change();  // with mutex_ held
  void change_names(const Change& change);
  static void apply(Names& names, const Change& change);
  void write_files() const;

  const std::filesystem::path directory_;
  mutable std::mutex mutex_;
  Names names_;          // as programs see them
  Names durable_names_;  // as they are on the disk
  std::vector<Change> pending_changes_;
  std::map<int, std::shared_ptr<File>> open_files_;  // no file: the directory
  Changes changes_;
  std::uint64_t changes_left_ = UINT64_MAX;
  bool off_ = false;
};

}  // namespace clipdex::tests
