#include "engine/durable_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "engine/errors.h"

namespace clipdex::engine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, const fs::path& path, int error) {
  throw fs::filesystem_error(what, path, std::error_code(error, std::generic_category()));
}

}  // namespace

void fail_as_disk(const std::string& what, const fs::filesystem_error& error, const std::string& remedy) {
  const std::string message = what + ": " + error.code().message();
  if (error.code() == std::errc::no_space_on_device || error.code().value() == EDQUOT) throw DiskFullError(message + ". " + remedy);
  throw std::runtime_error(message);
}

void sync_directory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open", directory, errno);
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0) fail("cannot sync", directory, error);
}

void sync_tree(const fs::path& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_directory()) sync_directory(entry.path());
  }
  sync_directory(directory);
}

void write_file(const fs::path& path, std::string_view content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) fail("cannot make", path, errno);
  int error = 0;
  while (!content.empty() && error == 0) {
    const auto written = ::write(descriptor, content.data(), content.size());
    if (written < 0) {
      error = errno == EINTR ? 0 : errno;
    } else {
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  if (error == 0 && ::fsync(descriptor) != 0) error = errno;
  ::close(descriptor);
  if (error != 0) fail("cannot write", path, error);
}

std::uint64_t tree_bytes(const fs::path& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace clipdex::engine
