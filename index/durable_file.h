// Files that are whole or not there, whatever happens. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <streambuf>
#include <string>

namespace clipdex::index {

// What the name of a file that is being written ends in.
inline constexpr const char* kTemporarySuffix = ".tmp";

// A new file, written from its beginning to its end under a temporary name. All members throw DiskFullError or std::system_error, which
// name the file. For one thread.
class NewFile {
 public:
  // Writes FILE.tmp; what is there under that name is lost.
  explicit NewFile(std::filesystem::path file);
  // Removes the temporary file unless it was given its name.
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }

  // Asks for disk space ahead, where the file system can: a disk that is too full is found at once.
  void reserve(std::uint64_t bytes);
  void write(std::span<const std::byte> bytes);
  // Zeros until the size is a multiple of `alignment`.
  void align(std::size_t alignment);
  std::uint64_t size() const { return size_; }
  // XXH3 (64 bits) of everything written so far.
  std::uint64_t checksum() const;

  // Hands what was written to the system, so that it can be read.
  void flush();
  // Returns when the file is on the disk. Its pages are dropped from the cache where no map holds them, so that what is read next is what
  // the disk has.
  void sync();
  // Gives it its name. sync_directory() makes that durable.
  void publish();

 private:
  struct Hash;
  void write_out(std::span<const std::byte> bytes);

  std::filesystem::path file_, temporary_;
  int descriptor_ = -1;
  bool published_ = false;
  std::uint64_t size_ = 0;
  std::string buffer_;
  std::unique_ptr<Hash> hash_;
};

// For what writes to a std::ostream. An ostream hides exceptions unless it is told otherwise: exceptions(std::ios::badbit).
class NewFileBuffer : public std::streambuf {
 public:
  explicit NewFileBuffer(NewFile& file) : file_(file) {}

 protected:
  std::streamsize xsputn(const char* bytes, std::streamsize n) override;
  int_type overflow(int_type c) override;

 private:
  NewFile& file_;
};

// Makes renames and removals in it durable. Throws std::system_error.
void sync_directory(const std::filesystem::path& directory);

// A whole file in memory, read when it is looked at. Immutable: any thread may read it.
class MappedFile {
 public:
  // Throws std::runtime_error, which says why but does not name the file, for what is no regular file or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& file);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

// XXH3 (64 bits) of a file of `bytes` bytes. It is read, not mapped: a disk that cannot deliver is an error and no signal.
// Throws std::runtime_error, which says why but does not name the file.
std::uint64_t file_checksum(const std::filesystem::path& file, std::uint64_t bytes);

// XXH3 (64 bits).
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace clipdex::index
