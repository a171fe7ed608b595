#include "demo/sample_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <cstdio>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

namespace clipdex::demo {
namespace {

class FileWriter : public SampleWriter {
 public:
  explicit FileWriter(const encoder::NewDirectory& directory) : directory_(directory), manifest_(directory.file("metadata.jsonl")) {}

  void add(const Sample& sample) override {
    const std::string name = sample.key + ".jpg";
    // Left to the system to put on the disk: thousands of waits would take minutes, and a lost picture can be drawn again.
    encoder::NewFile(directory_.file(name)).write(sample.jpeg);
    auto line = nlohmann::ordered_json{{"file", name}};
    line.update(nlohmann::ordered_json::parse(sample.metadata));
    manifest_.write(line.dump() + "\n");
  }
  void finish() override { manifest_.close(); }

 private:
  const encoder::NewDirectory& directory_;
  encoder::NewFile manifest_;
};

// One archive, written into a file of ours, so that errors name it.
class TarFile {
 public:
  explicit TarFile(const std::filesystem::path& path) : path_(path), file_(path), writer_(::archive_write_new()) {
    if (writer_ == nullptr) throw std::bad_alloc();
    ::archive_write_set_format_ustar(writer_);
    check(::archive_write_open(writer_, this, nullptr, &TarFile::write, nullptr));
  }
  ~TarFile() { ::archive_write_free(writer_); }
  TarFile(const TarFile&) = delete;
  TarFile& operator=(const TarFile&) = delete;

  void add(const std::string& name, const std::string& bytes) {
    ::archive_entry* entry = ::archive_entry_new();
    if (entry == nullptr) throw std::bad_alloc();
    const std::unique_ptr<::archive_entry, void (*)(::archive_entry*)> owner(entry, ::archive_entry_free);
    // No owner and no time: the bytes depend on the samples alone.
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    ::archive_entry_set_filetype(entry, AE_IFREG);
    ::archive_entry_set_perm(entry, 0644);
    ::archive_entry_set_mtime(entry, 0, 0);
    check(::archive_write_header(writer_, entry));
    if (::archive_write_data(writer_, bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size())) check(ARCHIVE_FATAL);
  }

  void close() {
    check(::archive_write_close(writer_));
    file_.close();
  }

 private:
  // libarchive is C: what the file throws waits until it has returned.
  static la_ssize_t write(::archive* archive, void* self, const void* bytes, std::size_t size) {
    auto& tar = *static_cast<TarFile*>(self);
    try {
      tar.file_.write({static_cast<const char*>(bytes), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      tar.failure_ = std::current_exception();
      ::archive_set_error(archive, EIO, "the file cannot be written");
      return -1;
    }
  }

  void check(int result) const {
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    if (failure_) std::rethrow_exception(failure_);
    const char* reason = ::archive_error_string(writer_);
    throw std::runtime_error("cannot write " + path_.string() + ": " + (reason == nullptr ? "libarchive fails" : reason));
  }

  std::filesystem::path path_;
  encoder::NewFile file_;
  std::exception_ptr failure_;
  ::archive* writer_;
};

class TarWriter : public SampleWriter {
 public:
  TarWriter(const encoder::NewDirectory& directory, std::size_t samples_per_shard)
      : directory_(directory), samples_per_shard_(samples_per_shard) {}

  void add(const Sample& sample) override {
    if (samples_ % samples_per_shard_ == 0) {
      finish();
      char name[40];
      std::snprintf(name, sizeof name, "shard-%06zu.tar", samples_ / samples_per_shard_);
      shard_.emplace(directory_.file(name));
    }
    shard_->add(sample.key + ".jpg", sample.jpeg);
    shard_->add(sample.key + ".json", sample.metadata);
    ++samples_;
  }
  void finish() override {
    if (shard_) shard_->close();
    shard_.reset();
  }

 private:
  const encoder::NewDirectory& directory_;
  std::size_t samples_per_shard_, samples_ = 0;
  std::optional<TarFile> shard_;
};

}  // namespace

std::unique_ptr<SampleWriter> write_files(const encoder::NewDirectory& directory) { return std::make_unique<FileWriter>(directory); }

std::unique_ptr<SampleWriter> write_tars(const encoder::NewDirectory& directory, std::size_t samples_per_shard) {
  if (samples_per_shard == 0) throw std::invalid_argument("a shard has at least one picture");
  return std::make_unique<TarWriter>(directory, samples_per_shard);
}

}  // namespace clipdex::demo
