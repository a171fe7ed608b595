// Reader of the safetensors format (huggingface/safetensors): memory-mapped and fully validated before a byte of it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

enum class TensorType { kF64, kF32, kF16, kBf16, kI64, kI32, kI16, kI8, kU8, kBool };

std::size_t tensor_type_bytes(TensorType type);
// "fp32", "fp16", "bf16", ...
std::string_view tensor_type_name(TensorType type);

// A tensor inside the mapped file: C order, little-endian, possibly misaligned.
struct TensorView {
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
  std::uint64_t elements() const;
};

// Immutable: any thread may read it. The views are valid as long as the object (or a copy of `mapping()`) lives.
class SafetensorsFile {
 public:
  // Checks the header's size and JSON, every type, shape and offset, and that the tensors fill the file without holes or overlap.
  // Throws std::runtime_error that names the file, the tensor and what is wrong.
  explicit SafetensorsFile(const std::filesystem::path& file);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  // Keeps the mapped memory alive.
  std::shared_ptr<const void> mapping() const { return mapping_; }

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> mapping_;
  std::span<const std::byte> bytes_;
  std::map<std::string, TensorView> tensors_;
};

}  // namespace clipdex::encoder
