#include "encoder/new_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, int error) {
  const std::string remedy = error == ENOSPC || error == EDQUOT ? ": free some space, or name a place on another disk" : "";
  throw std::runtime_error("cannot write " + path.string() + ": " + std::generic_category().message(error) + remedy);
}

void synchronize(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail(directory, errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0 && error != EINVAL) fail(directory, error);  // some file systems cannot
}

fs::path temporary_beside(const fs::path& path, const std::string& purpose) {
  std::string name = path.string() + "." + purpose + "-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) fail(name, errno);
  return name;
}

}  // namespace

NewFile::NewFile(const fs::path& path) : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail(path_, errno);
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void NewFile::close() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL) fail(path_, errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail(path_, errno);
}

NewDirectory::NewDirectory(const fs::path& path) : path_(path.has_filename() ? path : path.parent_path()) {
  if (!path_.parent_path().empty()) {
    std::error_code error;
    fs::create_directories(path_.parent_path(), error);
    if (error) fail(path_.parent_path(), error.value());
  }
  temporary_ = temporary_beside(path_, "partial");
  ::chmod(temporary_.c_str(), 0755);  // mkdtemp's is for its maker alone
}

NewDirectory::~NewDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void NewDirectory::write(std::string_view name, std::string_view bytes) const {
  NewFile made(file(name));
  made.write(bytes);
  made.close();
}

void NewDirectory::publish(bool replace) {
  synchronize(temporary_);
  fs::path aside;
  if (replace && fs::exists(path_)) {
    aside = temporary_beside(path_, "replaced");
    if (::rename(path_.c_str(), aside.c_str()) != 0) {  // onto an empty directory
      const int error = errno;
      ::rmdir(aside.c_str());
      fail(path_, error);
    }
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    if (!aside.empty() && ::rename(aside.c_str(), path_.c_str()) != 0)
      throw std::runtime_error("cannot write " + path_.string() + ": " + std::generic_category().message(error) +
                               "; what was there is now " + aside.string());
    fail(path_, error);
  }
  temporary_.clear();
  synchronize(path_.parent_path().empty() ? fs::path(".") : path_.parent_path());
  std::error_code ignored;
  if (!aside.empty()) fs::remove_all(aside, ignored);
}

}  // namespace clipdex::encoder
