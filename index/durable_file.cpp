#include "index/durable_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "index/disk_full_error.h"

namespace clipdex::index {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void fail(int error, const std::string& what, const std::filesystem::path& file) {
  const std::error_code code(error, std::generic_category());
  if (error == ENOSPC || error == EDQUOT) throw DiskFullError(code, what + " " + file.string());
  throw std::system_error(code, what + " " + file.string());
}

// Closes what it holds.
struct Descriptor {
  explicit Descriptor(int number_) : number(number_) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};

std::string last_error() { return std::generic_category().message(errno); }

}  // namespace

struct NewFile::Hash {
  Hash() : state(XXH3_createState(), XXH3_freeState) {
    if (!state) throw std::bad_alloc();
    XXH3_64bits_reset(state.get());
  }
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state;
};

NewFile::NewFile(std::filesystem::path file) : file_(std::move(file)), temporary_(file_), hash_(std::make_unique<Hash>()) {
  temporary_ += kTemporarySuffix;
  buffer_.reserve(kBufferBytes);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(errno, "cannot create", temporary_);
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!published_) ::unlink(temporary_.c_str());
}

void NewFile::reserve(std::uint64_t bytes) {
  const int result = ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
  if (result != 0 && (errno == ENOSPC || errno == EDQUOT)) fail(errno, "cannot write", temporary_);
}

void NewFile::write(std::span<const std::byte> bytes) {
  XXH3_64bits_update(hash_->state.get(), bytes.data(), bytes.size());
  size_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() >= kBufferBytes) {
    write_out(bytes);
  } else {
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

void NewFile::write_out(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), std::size_t{1} << 30));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno, "cannot write", temporary_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void NewFile::align(std::size_t alignment) {
  const std::vector<std::byte> zeros((alignment - size_ % alignment) % alignment);
  write(zeros);
}

std::uint64_t NewFile::checksum() const { return XXH3_64bits_digest(hash_->state.get()); }

void NewFile::flush() {
  write_out(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
}

void NewFile::sync() {
  flush();
  if (::fsync(descriptor_) != 0) fail(errno, "cannot write", temporary_);
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
}

void NewFile::publish() {
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) fail(errno, "cannot rename", temporary_);
  published_ = true;
}

std::streamsize NewFileBuffer::xsputn(const char* bytes, std::streamsize n) {
  file_.write(std::as_bytes(std::span(bytes, static_cast<std::size_t>(n))));
  return n;
}

NewFileBuffer::int_type NewFileBuffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char byte = traits_type::to_char_type(c);
  file_.write(std::as_bytes(std::span(&byte, 1)));
  return c;
}

void sync_directory(const std::filesystem::path& directory) {
  const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.number < 0 || ::fsync(descriptor.number) != 0) fail(errno, "cannot write", directory);
}

MappedFile::MappedFile(const std::filesystem::path& file) {
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe must not block
  if (descriptor.number < 0) throw std::runtime_error(last_error());
  struct stat status{};
  if (::fstat(descriptor.number, &status) != 0 || !S_ISREG(status.st_mode)) throw std::runtime_error("it is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.number, 0);
  if (address == MAP_FAILED) throw std::runtime_error("it cannot be mapped into memory: " + last_error());
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::uint64_t file_checksum(const std::filesystem::path& file, std::uint64_t bytes) {
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.number < 0) throw std::runtime_error(last_error());
  ::posix_fadvise(descriptor.number, 0, 0, POSIX_FADV_SEQUENTIAL);
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  std::vector<std::byte> buffer(std::min<std::uint64_t>(kBufferBytes / 4, bytes));  // it stays in the processor's cache
  for (std::uint64_t done = 0; done < bytes;) {
    const auto n = ::read(descriptor.number, buffer.data(), std::min<std::uint64_t>(buffer.size(), bytes - done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::runtime_error("it cannot be read: " + last_error());
    if (n == 0) throw std::runtime_error("it ends too early");
    XXH3_64bits_update(state.get(), buffer.data(), static_cast<std::size_t>(n));
    done += static_cast<std::uint64_t>(n);
  }
  return XXH3_64bits_digest(state.get());
}

std::uint64_t checksum(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace clipdex::index
