// Writer of the safetensors format. Tensors go one by one, so that memory is bounded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "encoder/tensor_view.h"

namespace clipdex::encoder {

// Elements [first, first + elements()) of the concatenation of `sources`, which are of floating-point types; transposed or not.
struct TensorToWrite {
  std::string name;
  std::vector<std::int64_t> shape;
  TensorType type = TensorType::kF32;  // fp32, fp16 or bf16
  std::vector<const TensorView*> sources;
  std::uint64_t first = 0;
  bool transposed = false;
  std::uint64_t elements() const;
};

// Of bytes of tensors.
using WriteProgress = std::function<void(std::uint64_t bytes, std::uint64_t bytes_total)>;

// Makes the file and puts it on the disk. Wide types come first, and the header is padded, so that each tensor can be used where it is
// mapped. Throws std::runtime_error that names the file and the reason.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors, const WriteProgress& progress = {});

}  // namespace clipdex::encoder
