#include "encoder/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace clipdex::encoder {
namespace {

using nlohmann::json;

constexpr std::uint64_t kHeaderBytesMax = 100'000'000;  // the reference implementation's limit
constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kDimensionsMax = 16;

// Of a file of at least that length.
std::uint64_t header_length(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  return length;
}

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) { throw weights_error(file, what); }

std::optional<TensorType> parse_type(const std::string& name) {
  static const std::map<std::string, TensorType> types = {{"F64", TensorType::kF64},   {"F32", TensorType::kF32}, {"F16", TensorType::kF16},
                                                          {"BF16", TensorType::kBf16}, {"I64", TensorType::kI64}, {"I32", TensorType::kI32},
                                                          {"I16", TensorType::kI16},   {"I8", TensorType::kI8},   {"U8", TensorType::kU8},
                                                          {"BOOL", TensorType::kBool}};
  const auto found = types.find(name);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

std::uint64_t unsigned_number(const json& value, const std::filesystem::path& file, const std::string& name) {
  if (!value.is_number_unsigned()) fail(file, "tensor \"" + name + "\" has a shape or an offset that is not a number");
  return value.get<std::uint64_t>();
}

TensorView parse_tensor(const std::filesystem::path& file, const std::string& name, const json& entry, std::span<const std::byte> data) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry["shape"].is_array() || !entry.contains("data_offsets") || !entry["data_offsets"].is_array() ||
      entry["data_offsets"].size() != 2) {
    fail(file, "tensor \"" + name + "\" has no valid dtype, shape or data_offsets");
  }
  TensorView view;
  const auto type = parse_type(entry["dtype"].get<std::string>());
  if (!type) fail(file, "tensor \"" + name + "\" has the unknown type " + entry["dtype"].get<std::string>());
  view.type = *type;
  if (entry["shape"].size() > kDimensionsMax) fail(file, "tensor \"" + name + "\" has too many dimensions");
  std::uint64_t bytes = tensor_type_bytes(view.type);
  for (const auto& value : entry["shape"]) {
    const std::uint64_t size = unsigned_number(value, file, name);
    if (__builtin_mul_overflow(bytes, size, &bytes) || size > INT64_MAX) fail(file, "tensor \"" + name + "\" is impossibly large");
    view.shape.push_back(static_cast<std::int64_t>(size));
  }
  const std::uint64_t begin = unsigned_number(entry["data_offsets"][0], file, name);
  const std::uint64_t end = unsigned_number(entry["data_offsets"][1], file, name);
  if (begin > end || end > data.size()) {
    fail(file, "tensor \"" + name + "\" ends behind the end of the file: it is truncated, download or copy it again");
  }
  if (end - begin != bytes) fail(file, "tensor \"" + name + "\" has a shape that does not fit its size");
  view.data = data.subspan(begin, end - begin);
  return view;
}

// Makes views of the header's entries while it is parsed, and has each dropped once it is read: a header of 100 MB of JSON would take
// gigabytes as a tree. The header is a flat object of small objects: deeper nesting is hostile, and a name given twice is ambiguous.
class HeaderReader {
 public:
  HeaderReader(const std::filesystem::path& file, std::span<const std::byte> data) : file_(file), data_(data) {}

  std::map<std::string, TensorView> read(std::string_view text) {
    const auto callback = [this](int depth, json::parse_event_t event, json& parsed) { return take(depth, event, parsed); };
    const auto header = json::parse(text, callback, /*allow_exceptions=*/false);
    if (!header.is_object()) fail(file_, "its header is not a JSON object: the file is damaged or not in the safetensors format");
    return std::move(tensors_);
  }

 private:
  using Event = json::parse_event_t;

  // Whether the parser keeps what it has read.
  bool take(int depth, Event event, const json& parsed) {
    constexpr int kDepthMax = 3;
    constexpr std::size_t kEntryValuesMax = 64, kMetadataValuesMax = 100'000;
    if (depth > kDepthMax) fail(file_, "its header is nested too deeply");
    if (depth == 1 && event == Event::key) return begin(parsed.get_ref<const std::string&>());
    if (++values_ > (name_ == kMetadata ? kMetadataValuesMax : kEntryValuesMax))
      fail(file_, "tensor \"" + name_ + "\" has too many values");
    const bool whole = event == Event::value || event == Event::object_end || event == Event::array_end;
    if (depth != 1 || !whole) return true;
    if (name_ != kMetadata) tensors_.emplace(name_, parse_tensor(file_, name_, parsed, data_));
    return false;
  }

  bool begin(const std::string& name) {
    if (name.size() > kTensorNameBytesMax)
      fail(file_, "it has a tensor with a name of over " + std::to_string(kTensorNameBytesMax) + " bytes");
    if (tensors_.size() >= kTensorsMax) fail(file_, "it has over " + std::to_string(kTensorsMax) + " tensors");
    if (tensors_.contains(name) || (name == kMetadata && has_metadata_)) fail(file_, "tensor \"" + name + "\" is there twice");
    has_metadata_ = has_metadata_ || name == kMetadata;
    name_ = name;
    values_ = 0;
    return true;
  }

  static constexpr std::string_view kMetadata = "__metadata__";

  const std::filesystem::path& file_;
  std::span<const std::byte> data_;
  std::string name_;        // of the entry that is being read
  std::size_t values_ = 0;  // of it
  bool has_metadata_ = false;
  std::map<std::string, TensorView> tensors_;
};

// Every byte belongs to exactly one tensor.
void check_coverage(const std::filesystem::path& file, const std::map<std::string, TensorView>& tensors, std::span<const std::byte> data) {
  std::vector<std::span<const std::byte>> parts;
  parts.reserve(tensors.size());
  for (const auto& [name, view] : tensors) parts.push_back(view.data);
  std::sort(parts.begin(), parts.end(),
            [](const auto& a, const auto& b) { return std::pair(a.data(), a.size()) < std::pair(b.data(), b.size()); });
  const std::byte* expected = data.data();
  for (const auto& part : parts) {
    if (part.data() != expected) fail(file, "its tensors overlap or leave holes: the file is damaged");
    expected += part.size();
  }
  if (expected != data.data() + data.size()) fail(file, "bytes follow the last tensor: the file is damaged");
}

}  // namespace

bool is_safetensors(std::span<const std::byte> file) {
  return file.size() > kLengthBytes && header_length(file) <= kHeaderBytesMax && file[kLengthBytes] == std::byte{'{'};
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file) : SafetensorsFile(MappedFile(file)) {}

SafetensorsFile::SafetensorsFile(const MappedFile& mapped) : path_(mapped.path()), memory_(mapped.memory()), bytes_(mapped.bytes()) {
  const auto& file = path_;
  if (bytes_.size() < kLengthBytes) fail(file, "it has only " + std::to_string(bytes_.size()) + " bytes: it is truncated or empty");
  const auto header_bytes = header_length(bytes_);
  if (header_bytes > kHeaderBytesMax) fail(file, "it is not in the safetensors format (or its header is over 100 MB)");
  if (header_bytes > bytes_.size() - kLengthBytes) fail(file, "it ends within its header: it is truncated, download or copy it again");
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + kLengthBytes, header_bytes);
  if (!text.starts_with('{')) fail(file, "it is not in the safetensors format");
  const auto data = bytes_.subspan(kLengthBytes + header_bytes);
  tensors_ = HeaderReader(file, data).read(text);
  check_coverage(file, tensors_, data);
}

}  // namespace clipdex::encoder
