#include "cli/collection_export.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "cli/numpy_file.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

namespace fs = std::filesystem;

std::runtime_error cannot_write(const fs::path& file) {
  return std::runtime_error("cannot write " + file.string() + ": " + std::strerror(errno));
}

// A file under a temporary name, which is gone at the end of the scope unless it was published.
class PendingFile {
 public:
  explicit PendingFile(fs::path final_name) : final_(std::move(final_name)), pending_(final_.string() + ".partial") {}
  ~PendingFile() {
    std::error_code ignored;
    fs::remove(pending_, ignored);
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  const fs::path& path() const { return pending_; }

  void sync() const {
    const int descriptor = ::open(pending_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    const int error = errno;
    if (descriptor >= 0) ::close(descriptor);
    errno = error;
    if (!synced) throw cannot_write(pending_);
  }
  void publish() const { fs::rename(pending_, final_); }

 private:
  fs::path final_, pending_;
};

}  // namespace

std::size_t export_collection(Target& target, const std::string& collection, const fs::path& folder, bool replace,
                              const std::function<void()>& advance) {
  const auto statistics = target.collection(collection);
  if (!statistics)
    throw std::runtime_error("there is no collection \"" + collection + "\": \"clipdex collection list\" shows which there are");
  const fs::path records_name = folder / "records.jsonl", embeddings_name = folder / "embeddings.npy";
  for (const auto& name : {records_name, embeddings_name}) {
    if (!replace && fs::exists(name)) throw std::invalid_argument(name.string() + " is there already: name another folder, or say --force");
  }
  fs::create_directories(folder);
  const PendingFile records_file(records_name), embeddings_file(embeddings_name);
  std::ofstream records(records_file.path(), std::ios::binary | std::ios::trunc);
  if (!records) throw cannot_write(records_file.path());
  NumpyRows embeddings(embeddings_file.path(), statistics->dimension);
  target.for_each_image(collection, [&](const engine::ImageRecord& record, std::span<const float> embedding) {
    records << http::to_json_text(record) << '\n';
    if (!records) throw cannot_write(records_file.path());
    embeddings.append(embedding);
    advance();
  });
  embeddings.finish();
  records.close();
  if (!records) throw cannot_write(records_file.path());
  records_file.sync();
  embeddings_file.sync();
  embeddings_file.publish();
  records_file.publish();
  return embeddings.rows();
}

}  // namespace clipdex::cli
