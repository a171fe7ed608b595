// A tensor of a checkpoint where it lies: what it is, and its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clipdex::encoder {

// Of one file, whatever its container: bigG has 1,500, and names of 70 bytes.
inline constexpr std::size_t kTensorsMax = 100'000;
inline constexpr std::size_t kTensorNameBytesMax = 1024;

enum class TensorType { kF64, kF32, kF16, kBf16, kI64, kI32, kI16, kI8, kU8, kBool };

std::size_t tensor_type_bytes(TensorType type);
// "fp32", "fp16", "bf16", ...
std::string_view tensor_type_name(TensorType type);
bool is_floating_point(TensorType type);

// C order, little-endian, possibly misaligned. Owns nothing.
struct TensorView {
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
  std::uint64_t elements() const;
};

// "[3, 64]"
std::string shape_text(std::span<const std::int64_t> shape);

// Elements [first, first + out.size()) in C order, as fp32. The tensor must be of a floating-point type.
void read_floats(const TensorView& view, std::uint64_t first, std::span<float> out);

// The bytes of `values` as `type` (fp32, fp16 or bf16; rounded to nearest even), appended to `out`.
void append_floats(TensorType type, std::span<const float> values, std::string& out);

}  // namespace clipdex::encoder
