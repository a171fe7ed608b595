// The directory that one process owns: its lock, its layout, and changes that are there whole or not at all. Private to engine/.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/snapshot.h"

namespace clipdex::engine {

// One process at a time holds it. Any thread may call it.
class DataDirectory {
 public:
  // Makes it if missing and locks it. Throws ConflictError if another process holds it, std::runtime_error if it cannot be written.
  explicit DataDirectory(const std::filesystem::path& path);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  std::filesystem::path collection(std::string_view name) const;
  std::vector<std::string> collection_names() const;
  std::filesystem::path snapshots() const { return snapshots_folder(path_); }
  std::vector<std::string> snapshot_names() const;

  // A path within the trash that nothing uses. The trash is emptied at every start.
  std::filesystem::path scratch();
  // Renames and makes the renaming durable, with the entries of a directory that is moved.
  void move(const std::filesystem::path& from, const std::filesystem::path& to);

 private:
  void remove_half_made_snapshots() const;

  std::filesystem::path path_;
  int lock_ = -1;
  std::atomic<unsigned> scratches_ = 0;
};

}  // namespace clipdex::engine
