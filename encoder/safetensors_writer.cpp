#include "encoder/safetensors_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "encoder/new_directory.h"

namespace clipdex::encoder {
namespace {

std::string_view safetensors_type(TensorType type) { return type == TensorType::kF16 ? "F16" : type == TensorType::kBf16 ? "BF16" : "F32"; }

std::string safetensors_header(const std::vector<TensorToWrite>& tensors, std::uint64_t& data_bytes) {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  data_bytes = 0;
  for (const auto& tensor : tensors) {
    const auto bytes = tensor.elements() * tensor_type_bytes(tensor.type);
    header[tensor.name] = {
        {"dtype", safetensors_type(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {data_bytes, data_bytes + bytes}}};
    data_bytes += bytes;
  }
  std::string text = header.dump();
  constexpr std::size_t kAlignment = 64;  // so that fp32 tensors can be used where they are mapped
  while ((text.size() + sizeof(std::uint64_t)) % kAlignment != 0) text += ' ';
  return text;
}

// Elements [first, first + out.size()) of the concatenation of `sources`.
void read_concatenated(const std::vector<const TensorView*>& sources, std::uint64_t first, std::span<float> out) {
  for (const auto* source : sources) {
    const auto elements = source->elements();
    if (first >= elements) {
      first -= elements;
      continue;
    }
    const auto count = std::min<std::uint64_t>(out.size(), elements - first);
    read_floats(*source, first, out.first(count));
    out = out.subspan(count);
    first = 0;
    if (out.empty()) return;
  }
}

class Writer {
 public:
  Writer(const std::filesystem::path& path, const WriteProgress& progress) : file_(path), progress_(progress) {}

  void write(const std::vector<TensorToWrite>& tensors) {
    const auto header = safetensors_header(tensors, data_bytes_);
    const std::uint64_t size = header.size();
    file_.write({reinterpret_cast<const char*>(&size), sizeof size});
    file_.write(header);
    for (const auto& tensor : tensors) {
      if (tensor.transposed) {
        write_transposed(tensor);
      } else {
        write_in_order(tensor);
      }
    }
    file_.close();
  }

 private:
  static constexpr std::uint64_t kChunk = 1U << 20;  // elements

  void write_values(TensorType type, std::span<const float> values) {
    bytes_.clear();
    append_floats(type, values, bytes_);
    file_.write(bytes_);
    written_ += bytes_.size();
    if (progress_) progress_(written_, data_bytes_);
  }

  void write_in_order(const TensorToWrite& tensor) {
    for (std::uint64_t at = 0; at < tensor.elements(); at += kChunk) {
      values_.resize(std::min(kChunk, tensor.elements() - at));
      read_concatenated(tensor.sources, tensor.first + at, values_);
      write_values(tensor.type, values_);
    }
  }

  // Projections alone, of at most some million elements.
  void write_transposed(const TensorToWrite& tensor) {
    const auto rows = static_cast<std::size_t>(tensor.shape[0]), columns = static_cast<std::size_t>(tensor.shape[1]);
    std::vector<float> all(rows * columns);
    read_concatenated(tensor.sources, 0, all);
    values_.resize(all.size());
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) values_[i * columns + j] = all[j * rows + i];
    }
    write_values(tensor.type, values_);
  }

  NewFile file_;
  const WriteProgress& progress_;
  std::uint64_t data_bytes_ = 0, written_ = 0;
  std::vector<float> values_;
  std::string bytes_;
};

}  // namespace

std::uint64_t TensorToWrite::elements() const {
  std::uint64_t count = 1;
  for (const auto size : shape) count *= static_cast<std::uint64_t>(size);
  return count;
}

void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors, const WriteProgress& progress) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const TensorToWrite& a, const TensorToWrite& b) { return tensor_type_bytes(a.type) > tensor_type_bytes(b.type); });
  Writer(path, progress).write(tensors);
}

}  // namespace clipdex::encoder
