// A directory that appears whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace clipdex::encoder {

// One file that is written from its beginning to its end. Errors throw std::runtime_error that names it and the reason (a full disk, ...).
class NewFile {
 public:
  explicit NewFile(const std::filesystem::path& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view bytes);
  // Puts it on the disk. Without it, what was written is not to be relied upon.
  void close();

 private:
  std::filesystem::path path_;
  int descriptor_;
};

// Files are made in a temporary directory beside `path`; publish() puts them on the disk and renames the directory. Without publish(),
// the destructor removes everything.
class NewDirectory {
 public:
  explicit NewDirectory(const std::filesystem::path& path);
  ~NewDirectory();
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;

  std::filesystem::path file(std::string_view name) const { return temporary_ / name; }
  void write(std::string_view name, std::string_view bytes) const;
  // `replace`: an existing directory is put aside first and removed afterwards.
  void publish(bool replace);

 private:
  std::filesystem::path path_, temporary_;
};

}  // namespace clipdex::encoder
