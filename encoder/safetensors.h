// Reader of the safetensors format (huggingface/safetensors): memory-mapped and fully validated before a byte of it is used.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "encoder/mapped_file.h"
#include "encoder/tensor_view.h"

namespace clipdex::encoder {

// Whether it begins as a safetensors file does, whole or cut off: a length, and behind it a JSON object.
bool is_safetensors(std::span<const std::byte> file);

// Immutable: any thread may read it. The views are valid as long as the object (or a copy of `memory()`) lives.
class SafetensorsFile {
 public:
  // Checks the header's size and JSON, within kTensorsMax and kTensorNameBytesMax, every type, shape and offset, and that the tensors fill
  // the file without holes or overlap. Throws std::runtime_error that names the file, the tensor and what is wrong.
  explicit SafetensorsFile(const std::filesystem::path& file);
  explicit SafetensorsFile(const MappedFile& file);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  // Keeps the mapped memory alive.
  std::shared_ptr<const void> memory() const { return memory_; }

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> memory_;
  std::span<const std::byte> bytes_;
  std::map<std::string, TensorView> tensors_;
};

}  // namespace clipdex::encoder
