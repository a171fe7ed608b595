#include "datasets/captioned_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "datasets/text.h"

namespace clipdex::datasets {
namespace {

class Descriptor {
 public:
  // Without O_NONBLOCK, opening a pipe would wait for whoever writes to it.
  explicit Descriptor(const std::filesystem::path& file) : descriptor_(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string reason() { return std::generic_category().message(errno); }

std::string too_large(std::size_t bytes, std::size_t bytes_max) {
  return "it has " + std::to_string(bytes) + " bytes, and " + std::to_string(bytes_max) + " are the limit here";
}

// The whole file, or "" and why not.
std::string read_regular_file(const std::filesystem::path& file, std::size_t bytes_max, std::string& error) {
  const Descriptor descriptor(file);
  struct ::stat status{};
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) {
    error = reason();
    return {};
  }
  if (!S_ISREG(status.st_mode)) {
    error = "it is not a regular file";
    return {};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > bytes_max) {
    error = too_large(size, bytes_max);
    return {};
  }
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size;) {
    const auto count = ::read(descriptor.get(), bytes.data() + at, size - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      error = count < 0 ? reason() : "it became shorter while it was read";
      return {};
    }
    at += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace

std::string read_picture(const CaptionedImage& image, std::size_t bytes_max) {
  std::string error = image.error, bytes;
  std::string name = image.where;
  if (error.empty() && image.file.empty()) {
    if (image.bytes.size() > bytes_max) error = too_large(image.bytes.size(), bytes_max);
    if (error.empty()) bytes = image.bytes;
  } else if (error.empty()) {
    name += (name.empty() ? "" : " names ") + as_text(image.file.string());
    bytes = read_regular_file(image.file, bytes_max, error);
  }
  if (error.empty() && bytes.empty()) error = "it is empty";
  if (!error.empty()) throw std::runtime_error(name + ": " + error);
  return bytes;
}

}  // namespace clipdex::datasets
