#include "encoder/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace clipdex::encoder {

std::runtime_error weights_error(const std::filesystem::path& file, const std::string& what) {
  return std::runtime_error("cannot read the weights in " + file.string() + ": " + what);
}

MappedFile::MappedFile(const std::filesystem::path& file) : path_(file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
  if (descriptor < 0) throw weights_error(file, std::generic_category().message(errno));
  struct stat status{};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const auto size = regular ? static_cast<std::size_t>(status.st_size) : 0;
  void* address = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (!regular) throw weights_error(file, "it is not a regular file");
  if (address == MAP_FAILED) throw weights_error(file, "it cannot be mapped into memory");
  bytes_ = {static_cast<const std::byte*>(address), size};
  memory_ = std::shared_ptr<const void>(address, [size](void* mapped) {
    if (mapped != nullptr) ::munmap(mapped, size);
  });
}

void MappedFile::release_pages() const {
  if (!bytes_.empty()) ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

}  // namespace clipdex::encoder
