#include "datasets/tar_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <new>
#include <system_error>

#include "datasets/utf8_locale.h"

namespace clipdex::datasets {

struct TarArchive::Impl {
  Impl() : reader(::archive_read_new()) {
    if (reader == nullptr) throw std::bad_alloc();
  }
  ~Impl() { ::archive_read_free(reader); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void check(int result) const {
    // A warning is about what does not concern us, such as an owner's name.
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    fail();
  }

  [[noreturn]] void fail() const {
    const char* reason = ::archive_error_string(reader);
    const int filters = ::archive_filter_count(reader);
    std::string where = "at byte " + std::to_string(std::max<std::int64_t>(0, ::archive_filter_bytes(reader, 0)));
    if (filters > 1)
      where += " of its content (" + std::to_string(std::max<std::int64_t>(0, ::archive_filter_bytes(reader, -1))) + " of the file)";
    throw TarError("the archive cannot be read further " + where + ": " + (reason == nullptr ? "it is damaged" : reason));
  }

  ::archive* reader;
};

TarArchive::TarArchive(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  std::error_code error;
  // Opening a pipe would wait for whoever writes to it.
  if (!std::filesystem::is_regular_file(path, error)) throw TarError(error ? error.message() : "it is not a regular file");
  const Utf8Locale utf8;
  auto* reader = impl_->reader;
  impl_->check(::archive_read_support_format_tar(reader));
  impl_->check(::archive_read_support_filter_gzip(reader));
  impl_->check(::archive_read_support_filter_zstd(reader));
  constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
  impl_->check(::archive_read_open_filename(reader, path.c_str(), kBlockBytes));
}

TarArchive::~TarArchive() = default;

std::optional<TarMember> TarArchive::next() {
  const Utf8Locale utf8;
  ::archive_entry* entry = nullptr;
  const int result = ::archive_read_next_header(impl_->reader, &entry);
  if (result == ARCHIVE_EOF) return std::nullopt;
  impl_->check(result);
  const char* name = ::archive_entry_pathname(entry);
  if (name == nullptr) name = ::archive_entry_pathname_utf8(entry);
  const bool is_link = ::archive_entry_hardlink(entry) != nullptr || ::archive_entry_filetype(entry) == AE_IFLNK;
  return TarMember{
      .name = name == nullptr ? "" : name, .is_file = !is_link && ::archive_entry_filetype(entry) == AE_IFREG, .is_link = is_link};
}

std::optional<std::string> TarArchive::read(std::size_t bytes_max) {
  std::string bytes;
  std::array<char, std::size_t{64} << 10> buffer;
  while (true) {
    const auto size = ::archive_read_data(impl_->reader, buffer.data(), buffer.size());
    if (size == 0) return bytes;
    if (size < 0) impl_->fail();
    if (static_cast<std::size_t>(size) > bytes_max - bytes.size()) return std::nullopt;
    bytes.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace clipdex::datasets
