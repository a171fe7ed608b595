// A file of weights, mapped into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

namespace clipdex::encoder {

// "cannot read the weights in FILE: WHAT"
std::runtime_error weights_error(const std::filesystem::path& file, const std::string& what);

// Immutable: any thread may read it. The bytes are there as long as the object (or a copy of `memory()`) lives and nobody cuts the file.
class MappedFile {
 public:
  // Throws weights_error() for what is no regular file or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::shared_ptr<const void> memory() const { return memory_; }

  // Gives its pages back to the system; whoever looks at them again finds them read again. What has been copied need not be in memory
  // twice.
  void release_pages() const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> memory_;
  std::span<const std::byte> bytes_;
};

}  // namespace clipdex::encoder
