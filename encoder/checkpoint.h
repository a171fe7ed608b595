// A checkpoint, in whatever container it comes: names and tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/mapped_file.h"
#include "encoder/tensor_view.h"

namespace clipdex::encoder {

enum class Container { kSafetensors, kTorchArchive, kLegacyTorch, kTorchScript };

// "safetensors", "PyTorch archive", ...
std::string_view container_name(Container container);

// Immutable: any thread may read it. The tensors are valid as long as the object (or a copy of `memory()`) lives.
class Checkpoint {
 public:
  // A file, its container told by its bytes; or the index of a sharded checkpoint (NAME.index.json), whose shards lie beside it.
  // Files are mapped, validated and not copied, except for tensors that do not lie in C order. Nothing in them is run.
  // Throws std::runtime_error that names the file, the tensor and what is wrong.
  static Checkpoint open(const std::filesystem::path& file);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  // nullptr where there is none of this name.
  const TensorView* find(const std::string& name) const;

  // What was opened; `files` are its shards, or itself.
  const std::filesystem::path& path() const { return path_; }
  const std::vector<MappedFile>& files() const { return files_; }
  std::uint64_t bytes() const;
  Container container() const { return container_; }
  bool sharded() const { return path_ != files_.front().path(); }

  // Where a training program wrote the weights as one part of a checkpoint: what it called the run, or "" where it did not.
  const std::optional<std::string>& training_run() const { return training_run_; }

  // XXH3-128 over all files' bytes in order, as 32 hex digits. Reads all of them, and leaves none in this process's memory.
  std::string content_hash() const;

  // The type that most bytes are stored in.
  TensorType dominant_type() const;

  // MappedFile::release_pages() of all files.
  void release_pages() const;

  // Keeps the tensors' bytes alive.
  std::shared_ptr<const void> memory() const { return memory_; }

 private:
  Checkpoint() = default;
  // Both return the names of the file's tensors.
  std::vector<std::string> add_file(const MappedFile& file);
  std::vector<std::string> add_torch_file(const MappedFile& file);
  void add_tensor(const std::filesystem::path& file, const std::string& name, TensorView view);
  void open_shards();

  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  Container container_ = Container::kSafetensors;
  std::optional<std::string> training_run_;
  std::map<std::string, TensorView> tensors_;
  struct Memory;
  std::shared_ptr<Memory> memory_;
};

}  // namespace clipdex::encoder
