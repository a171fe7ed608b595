#include "encoder/weights.h"

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "encoder/clip_tensors.h"

namespace clipdex::encoder {
namespace {

at::ScalarType scalar_type(TensorType type) {
  switch (type) {
    case TensorType::kF64:
      return at::kDouble;
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF16:
      return at::kHalf;
    case TensorType::kBf16:
      return at::kBFloat16;
    default:
      throw std::logic_error("weights are floating-point numbers");
  }
}

// fp32 [shape]: the mapped memory itself where that is possible, so that a checkpoint is in memory once.
at::Tensor as_tensor(const Checkpoint& checkpoint, const TensorView& view) {
  const auto type = scalar_type(view.type);
  const auto alignment = tensor_type_bytes(view.type);
  auto* memory = const_cast<std::byte*>(view.data.data());  // nothing writes to weights
  if (view.data.empty()) throw std::logic_error("a tensor is empty, which check_tensors() refuses");
  if (reinterpret_cast<std::uintptr_t>(memory) % alignment != 0) {
    auto copy = at::empty(view.shape, type);
    std::memcpy(copy.data_ptr(), memory, view.data.size());
    return copy.to(at::kFloat);
  }
  const auto mapping = checkpoint.memory();
  return at::from_blob(memory, view.shape, [mapping](void*) {}, at::TensorOptions().dtype(type)).to(at::kFloat);
}

}  // namespace

at::Tensor read_weight(const Checkpoint& checkpoint, const std::string& name) {
  const auto naming = naming_of(checkpoint);
  if (!naming) throw std::logic_error("not a CLIP's checkpoint");
  const auto origin = origin_of(checkpoint, *naming, name);
  std::vector<at::Tensor> parts;
  for (const auto& part : origin.names) {
    const auto* view = checkpoint.find(part);
    if (view == nullptr) throw std::logic_error("tensor " + part + " is missing");
    parts.push_back(as_tensor(checkpoint, *view));
  }
  auto value = parts.size() == 1 ? parts.front() : at::cat(parts);
  // Copied, so that every layout gives the same bits.
  return origin.transposed ? value.t().contiguous() : value;
}

void load_weights(ClipModel& model, const Checkpoint& checkpoint) {
  const auto fill = [&](const std::string& name, at::Tensor& parameter) {
    auto value = read_weight(checkpoint, name);
    if (value.numel() == 1 && parameter.dim() == 0) value = value.reshape({});  // logit_scale is [] or [1]
    if (value.sizes() != parameter.sizes()) throw std::logic_error(name + " has not the shape that check_tensors() compares");
    parameter.set_data(value);
  };
  for (auto& entry : model.named_parameters()) fill(entry.key(), entry.value());
  for (auto& entry : model.named_buffers()) fill(entry.key(), entry.value());
}

}  // namespace clipdex::encoder
