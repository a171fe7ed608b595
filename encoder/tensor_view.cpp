#include "encoder/tensor_view.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace clipdex::encoder {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian");

constexpr int kBf16Shift = 16;

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << kBf16Shift); }

std::uint16_t to_bf16(float value) {
  constexpr std::uint16_t kNan = 0x7FC0;
  if (std::isnan(value)) return kNan;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t half = 0x7FFF + ((bits >> kBf16Shift) & 1U);  // to nearest, ties to even
  return static_cast<std::uint16_t>((bits + half) >> kBf16Shift);
}

template <typename Stored, typename Convert>
void read_as(const std::byte* from, std::span<float> out, const Convert& convert) {
  for (auto& value : out) {
    Stored stored;
    std::memcpy(&stored, from, sizeof stored);
    from += sizeof stored;
    value = convert(stored);
  }
}

template <typename Stored, typename Convert>
void append_as(std::span<const float> values, std::string& out, const Convert& convert) {
  const std::size_t begin = out.size();
  out.resize(begin + values.size() * sizeof(Stored));
  char* to = out.data() + begin;
  for (const float value : values) {
    const Stored stored = convert(value);
    std::memcpy(to, &stored, sizeof stored);
    to += sizeof stored;
  }
}

}  // namespace

std::size_t tensor_type_bytes(TensorType type) {
  switch (type) {
    case TensorType::kF64:
    case TensorType::kI64:
      return 8;
    case TensorType::kF32:
    case TensorType::kI32:
      return 4;
    case TensorType::kF16:
    case TensorType::kBf16:
    case TensorType::kI16:
      return 2;
    case TensorType::kI8:
    case TensorType::kU8:
    case TensorType::kBool:
      return 1;
  }
  throw std::logic_error("unhandled tensor type");
}

std::string_view tensor_type_name(TensorType type) {
  switch (type) {
    case TensorType::kF64:
      return "fp64";
    case TensorType::kF32:
      return "fp32";
    case TensorType::kF16:
      return "fp16";
    case TensorType::kBf16:
      return "bf16";
    case TensorType::kI64:
      return "int64";
    case TensorType::kI32:
      return "int32";
    case TensorType::kI16:
      return "int16";
    case TensorType::kI8:
      return "int8";
    case TensorType::kU8:
      return "uint8";
    case TensorType::kBool:
      return "bool";
  }
  throw std::logic_error("unhandled tensor type");
}

bool is_floating_point(TensorType type) {
  return type == TensorType::kF64 || type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBf16;
}

std::uint64_t TensorView::elements() const { return data.size() / tensor_type_bytes(type); }

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

void read_floats(const TensorView& view, std::uint64_t first, std::span<float> out) {
  const std::byte* from = view.data.data() + first * tensor_type_bytes(view.type);
  switch (view.type) {
    case TensorType::kF64:
      return read_as<double>(from, out, [](double value) { return static_cast<float>(value); });
    case TensorType::kF32:
      return read_as<float>(from, out, [](float value) { return value; });
    case TensorType::kF16:
      return read_as<_Float16>(from, out, [](_Float16 value) { return static_cast<float>(value); });
    case TensorType::kBf16:
      return read_as<std::uint16_t>(from, out, from_bf16);
    default:
      throw std::logic_error("not a floating-point tensor");
  }
}

void append_floats(TensorType type, std::span<const float> values, std::string& out) {
  switch (type) {
    case TensorType::kF32:
      return append_as<float>(values, out, [](float value) { return value; });
    case TensorType::kF16:
      return append_as<_Float16>(values, out, [](float value) { return static_cast<_Float16>(value); });
    case TensorType::kBf16:
      return append_as<std::uint16_t>(values, out, to_bf16);
    default:
      throw std::logic_error("weights are written as fp32, fp16 or bf16");
  }
}

}  // namespace clipdex::encoder
