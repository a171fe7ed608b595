// A copy of the whole store while it is used.
#include <rocksdb/utilities/checkpoint.h>

#include "storage/image_store_impl.h"

namespace clipdex::storage {

namespace fs = std::filesystem;

std::uint64_t ImageStore::checkpoint(const fs::path& directory) const {
  const auto database = impl_->use();
  auto target = fs::absolute(directory).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  if (database->files().FileExists(target.string(), rocksdb::IOOptions(), nullptr).ok())
    throw std::runtime_error(target.string() + " exists already: name a directory that does not");
  database->make_directories(target.parent_path());
  impl_->step("checkpoint: begin");
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(&database->db(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // Written under another name and renamed; what a killed process left there is removed first, and so is what an error leaves.
  if (status.ok()) status = checkpoint->CreateCheckpoint(target.string());
  if (!status.ok()) fail(target, "cannot make the checkpoint", status);
  impl_->step("checkpoint: made");
  database->sync_directory(target.parent_path());
  impl_->step("checkpoint: durable");
  return read_counters(Database(target, impl_->options, Database::Mode::kReadOnly)).count;
}

}  // namespace clipdex::storage
