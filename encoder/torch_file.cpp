#include "encoder/torch_file.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "encoder/byte_reader.h"
#include "encoder/pickle.h"
#include "encoder/zip_archive.h"

namespace clipdex::encoder {
namespace {

using Bytes = std::span<const std::byte>;
// The bytes of the storage with this key; empty where there is none.
using Storages = std::function<Bytes(std::string_view key)>;

constexpr std::size_t kPickleBytesMax = 64U << 20;  // structure alone: bigG's has 200 KB
constexpr std::size_t kKeyBytesMax = 1024;          // of a storage's name: PyTorch numbers them
constexpr std::size_t kDimensionsMax = 16;

// Without a name: where storages are looked at before the tensors that use them.
[[noreturn]] void fail(std::string_view name, const std::string& what) {
  throw std::runtime_error((name.empty() ? "a tensor" : "tensor \"" + std::string(name) + "\"") + " " + what);
}

struct StorageClass {
  std::string_view name;
  TensorType type;
};

constexpr StorageClass kStorageClasses[] = {{"DoubleStorage", TensorType::kF64}, {"FloatStorage", TensorType::kF32},
                                            {"HalfStorage", TensorType::kF16},   {"BFloat16Storage", TensorType::kBf16},
                                            {"LongStorage", TensorType::kI64},   {"IntStorage", TensorType::kI32},
                                            {"ShortStorage", TensorType::kI16},  {"CharStorage", TensorType::kI8},
                                            {"ByteStorage", TensorType::kU8},    {"BoolStorage", TensorType::kBool}};

// ('storage', torch.FloatStorage, key, device, elements[, view])
struct StorageIdentity {
  TensorType type = TensorType::kF32;
  std::string_view key;
  std::uint64_t elements = 0;
};

StorageIdentity identify_storage(const Pickle& pickle, const PickleNode& node, std::string_view name) {
  if (node.kind != PickleKind::kStorage || node.items.size() < 5) fail(name, "has no storage");
  const auto& type = pickle[node.items[1]];
  const auto& key = pickle[node.items[2]];
  const auto& elements = pickle[node.items[4]];
  if (type.kind != PickleKind::kGlobal || key.kind != PickleKind::kString || elements.kind != PickleKind::kInteger ||
      elements.integer < 0) {
    fail(name, "has a storage without type, key or size");
  }
  if (key.text.size() > kKeyBytesMax) fail(name, "has a storage whose key is of over " + std::to_string(kKeyBytesMax) + " bytes");
  if (node.items.size() > 5 && pickle[node.items[5]].kind != PickleKind::kNone) fail(name, "is a view as PyTorch 0.1 wrote them");
  const auto* known = std::find_if(std::begin(kStorageClasses), std::end(kStorageClasses),
                                   [&](const StorageClass& each) { return type.scope == "torch" && type.text == each.name; });
  if (known == std::end(kStorageClasses)) fail(name, "has a storage of unknown type");
  return {known->type, key.text, static_cast<std::uint64_t>(elements.integer)};
}

std::vector<std::int64_t> whole_numbers(const Pickle& pickle, const PickleNode& node, std::string_view name) {
  if (node.kind != PickleKind::kTuple && node.kind != PickleKind::kList) fail(name, "has a shape that is no tuple");
  if (node.items.size() > kDimensionsMax) fail(name, "has too many dimensions");
  std::vector<std::int64_t> numbers;
  for (const auto item : node.items) {
    if (pickle[item].kind != PickleKind::kInteger || pickle[item].integer < 0) fail(name, "has a shape or a stride that is no size");
    numbers.push_back(pickle[item].integer);
  }
  return numbers;
}

StridedTensor decode_tensor(const Pickle& pickle, const PickleNode& node, const Storages& storages, std::string_view name) {
  const auto storage = identify_storage(pickle, pickle[node.items[0]], name);
  const auto& offset = pickle[node.items[1]];
  if (offset.kind != PickleKind::kInteger || offset.integer < 0) fail(name, "has an offset that is no number");
  StridedTensor tensor{.type = storage.type,
                       .shape = whole_numbers(pickle, pickle[node.items[2]], name),
                       .strides = whole_numbers(pickle, pickle[node.items[3]], name),
                       .data = {}};
  if (tensor.shape.size() != tensor.strides.size()) fail(name, "has a shape and strides of different lengths");
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) return tensor;
  const auto bytes = storages(storage.key);
  const std::uint64_t element = tensor_type_bytes(storage.type);
  if (storage.elements > bytes.size() / element)
    fail(name, "has a storage that is cut off: the file is truncated, download or copy it again");
  std::uint64_t last = static_cast<std::uint64_t>(offset.integer);
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    std::uint64_t span = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(tensor.shape[i] - 1), static_cast<std::uint64_t>(tensor.strides[i]), &span) ||
        __builtin_add_overflow(last, span, &last) ||
        __builtin_mul_overflow(elements, static_cast<std::uint64_t>(tensor.shape[i]), &elements)) {
      fail(name, "is impossibly large");
    }
  }
  if (last >= storage.elements) fail(name, "reaches beyond its storage: the file is damaged");
  if (elements > storage.elements) fail(name, "repeats its elements, which no weights do");
  const auto first = static_cast<std::uint64_t>(offset.integer);
  tensor.data = bytes.subspan(first * element, (last - first + 1) * element);
  return tensor;
}

bool holds_tensors(const Pickle& pickle, const PickleNode& node) {
  if (node.kind != PickleKind::kDict) return false;
  for (std::size_t i = 0; i < node.items.size(); i += 2) {
    if (pickle[node.items[i]].kind == PickleKind::kString && pickle[node.items[i + 1]].kind == PickleKind::kTensor) return true;
  }
  return false;
}

// Training programs wrap models: all names begin with "module." (distributed) or "_orig_mod." (compiled), or none is changed.
void strip_wrappers(TorchFile& file) {
  for (const std::string_view prefix : {"module.", "_orig_mod.", "module."}) {
    const bool all = !file.tensors.empty() && std::all_of(file.tensors.begin(), file.tensors.end(),
                                                          [&](const auto& entry) { return entry.first.starts_with(prefix); });
    if (!all) continue;
    std::map<std::string, StridedTensor> stripped;
    for (auto& [name, tensor] : file.tensors) stripped.emplace(name.substr(prefix.size()), std::move(tensor));
    file.tensors = std::move(stripped);
  }
}

// Takes a file's tensors out of its pickle.
class TensorCollector {
 public:
  TensorCollector(const Pickle& pickle, const Storages& storages, TorchFile& file) : pickle_(pickle), storages_(storages), file_(file) {}

  // The state_dict: the part of the pickled dict where training programs put it, beside tensors of their own (losses, states of random
  // numbers); else that dict itself.
  void collect_state_dict() {
    const auto& root = pickle_[pickle_.root];
    const PickleNode* state = nullptr;
    for (const auto* key : {"state_dict", "model_state_dict", "model"}) {
      if (state == nullptr || !holds_tensors(pickle_, *state)) state = pickle_.find(root, key);
    }
    if (state != nullptr && holds_tensors(pickle_, *state)) {
      const auto* name = pickle_.find(root, "name");
      file_.training_run = name != nullptr && name->kind == PickleKind::kString ? name->text.substr(0, kTensorNameBytesMax) : "";
    } else {
      state = &root;
      if (!holds_tensors(pickle_, root))
        throw std::runtime_error("it holds no state_dict: save model.state_dict() with torch.save, or as safetensors");
    }
    for (std::size_t i = 0; i < state->items.size(); i += 2) {
      const auto& name = pickle_[state->items[i]];
      const auto& value = pickle_[state->items[i + 1]];
      if (name.kind == PickleKind::kString && value.kind == PickleKind::kTensor) add("", name.text, value);
    }
    strip_wrappers(file_);
  }

  // A TorchScript module is an object whose attributes are tensors and modules. Attributes may form any graph, so the walk is bounded.
  void collect_module() {
    if (pickle_[pickle_.root].kind != PickleKind::kObject) throw std::runtime_error("its TorchScript archive holds no module");
    std::vector<std::pair<PickleId, std::string>> pending = {{pickle_.root, ""}};
    while (!pending.empty()) {
      const auto [id, prefix] = std::move(pending.back());
      pending.pop_back();
      if (pickle_[id].items.empty()) continue;
      const auto& state = pickle_[pickle_[id].items.front()];
      if (state.kind != PickleKind::kDict) continue;
      for (std::size_t i = 0; i < state.items.size(); i += 2) {
        // Everything counts: what is no part of a module takes time too.
        if (++attributes_ > kAttributesMax) throw std::runtime_error("its TorchScript module has too many parts");
        const auto& name = pickle_[state.items[i]];
        const auto& value = pickle_[state.items[i + 1]];
        if (name.kind != PickleKind::kString) continue;
        if (value.kind == PickleKind::kTensor) add(prefix, name.text, value);
        if (value.kind != PickleKind::kObject) continue;
        if (++modules_ > kModulesMax) throw std::runtime_error("its TorchScript module has too many parts");
        pending.emplace_back(state.items[i + 1], path(prefix, name.text) + ".");
      }
    }
  }

 private:
  static constexpr std::size_t kAttributesMax = 2'000'000, kModulesMax = 100'000;

  static std::string path(const std::string& prefix, std::string_view name) {
    if (prefix.size() + name.size() > kTensorNameBytesMax) {
      throw std::runtime_error("it has a tensor with a name of over " + std::to_string(kTensorNameBytesMax) +
                               " bytes, or a module that nests too deeply");
    }
    return prefix + std::string(name);
  }

  // A name that is there again stands for the last of its tensors, as in Python, but each counts.
  void add(const std::string& prefix, std::string_view name, const PickleNode& tensor) {
    if (++tensors_ > kTensorsMax) throw std::runtime_error("it has over " + std::to_string(kTensorsMax) + " tensors");
    const auto full = path(prefix, name);
    file_.tensors.insert_or_assign(full, decode_tensor(pickle_, tensor, storages_, full));
  }

  const Pickle& pickle_;
  const Storages& storages_;
  TorchFile& file_;
  std::size_t tensors_ = 0, attributes_ = 0, modules_ = 0;
};

// "NAME/" of the archive, which its file name need not be.
std::string archive_prefix(const ZipDirectory& archive) {
  constexpr std::string_view kPickle = "/data.pkl";
  for (const auto name : archive.names()) {
    if (name.ends_with(kPickle) && name.find('/') == name.size() - kPickle.size()) {
      return std::string(name.substr(0, name.size() - kPickle.size() + 1));
    }
  }
  throw std::runtime_error("it is a zip archive without a data.pkl: not a PyTorch checkpoint");
}

// TorchScript's archives hold code and constants beside the pickle.
bool is_torchscript(const ZipDirectory& archive, const std::string& prefix) {
  if (archive.contains(prefix + "constants.pkl")) return true;
  const auto names = archive.names();
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return name.starts_with(prefix + "code/"); });
}

}  // namespace

bool StridedTensor::contiguous() const {
  if (data.empty()) return true;
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

std::size_t StridedTensor::elements() const {
  if (data.empty()) return 0;
  std::size_t count = 1;
  for (const auto size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

bool is_zip(Bytes file) {
  constexpr std::uint8_t kMagic[] = {'P', 'K', 3, 4};
  return file.size() >= sizeof kMagic && std::memcmp(file.data(), kMagic, sizeof kMagic) == 0;
}

bool is_pickle(Bytes file) {
  constexpr std::byte kProtocol{0x80};
  return file.size() >= 2 && file[0] == kProtocol && file[1] >= std::byte{2} && file[1] <= std::byte{5};
}

TorchFile read_torch_archive(Bytes bytes) {
  const ZipDirectory archive(bytes);
  const auto prefix = archive_prefix(archive);
  if (const auto order = archive.find(prefix + "byteorder")) {
    if (!ByteReader(*order, 0, "").text(order->size()).starts_with("little")) {
      throw std::runtime_error("its numbers are big-endian, which clipdex does not read: save it again on a little-endian machine");
    }
  }
  TorchFile file{.torchscript = is_torchscript(archive, prefix), .training_run = {}, .tensors = {}};
  const auto data = archive.find(prefix + "data.pkl").value();
  if (data.size() > kPickleBytesMax) throw std::runtime_error("its data.pkl is impossibly large");
  const auto pickle = read_pickle(data, 0, {.torchscript = file.torchscript});
  const Storages storages = [&](std::string_view key) { return archive.find(prefix + "data/" + std::string(key)).value_or(Bytes()); };
  TensorCollector collector(pickle, storages, file);
  if (file.torchscript) {
    collector.collect_module();
  } else {
    collector.collect_state_dict();
  }
  return file;
}

namespace {

// What torch.save wrote before PyTorch 1.6: a magic number, a protocol number and facts about the machine, the object, the list of its
// storages' keys (a pickle each), and then each storage as its number of elements and these.
class LegacyFile {
 public:
  explicit LegacyFile(Bytes bytes) : bytes_(bytes) {
    const auto magic = next();
    constexpr unsigned char kMagic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    const auto& number = magic[magic.root];
    if (number.kind != PickleKind::kBigInteger || number.text != std::string_view(reinterpret_cast<const char*>(kMagic), sizeof kMagic)) {
      throw std::runtime_error("it is a pickle that torch.save did not write: save the state_dict with torch.save, or as safetensors");
    }
    next();  // the protocol's number
    const auto machine = next();
    const auto* little = machine.find(machine[machine.root], "little_endian");
    if (little != nullptr && little->kind == PickleKind::kBoolean && little->integer == 0) {
      throw std::runtime_error("its numbers are big-endian, which clipdex does not read: save it again on a little-endian machine");
    }
    object_ = next();
    read_storages(next());
  }

  const Pickle& object() const { return object_; }
  Bytes storage(std::string_view key) const {
    const auto found = storages_.find(key);
    return found == storages_.end() ? Bytes() : found->second;
  }

 private:
  Pickle next() {
    // Only the structure: a pickle that runs on into the weights is not one.
    auto pickle = read_pickle(bytes_.first(std::min(bytes_.size(), kPickleBytesMax)), position_, {});
    position_ = pickle.end;
    return pickle;
  }

  // An element's size is known to those who use the storage alone.
  std::map<std::string_view, std::size_t> element_bytes() const {
    std::map<std::string_view, std::size_t> sizes;
    for (const auto& node : object_.nodes) {
      if (node.kind != PickleKind::kStorage) continue;
      const auto identity = identify_storage(object_, node, /*name=*/"");
      sizes.insert_or_assign(identity.key, tensor_type_bytes(identity.type));
    }
    return sizes;
  }

  void read_storages(const Pickle& keys) {
    const auto sizes = element_bytes();
    const auto& list = keys[keys.root];
    if (list.kind != PickleKind::kList) throw std::runtime_error("its list of storages is damaged");
    ByteReader reader(bytes_, position_, "its storages end too early: the file is truncated, download or copy it again");
    for (const auto item : list.items) {
      const auto key = keys[item].text;
      const auto size = sizes.find(key);
      if (size == sizes.end()) throw std::runtime_error("it has a storage that no tensor uses, so that its size is unknown");
      const auto elements = reader.number<std::uint64_t>();
      std::uint64_t total = 0;
      if (__builtin_mul_overflow(elements, size->second, &total)) throw std::runtime_error("it has an impossibly large storage");
      storages_.insert_or_assign(key, reader.take(total));
    }
  }

  Bytes bytes_;
  std::size_t position_ = 0;
  Pickle object_;
  std::map<std::string_view, Bytes> storages_;  // the keys lie in bytes_
};

}  // namespace

TorchFile read_legacy_torch_file(Bytes bytes) {
  const LegacyFile legacy(bytes);
  TorchFile file;
  const Storages storages = [&](std::string_view key) { return legacy.storage(key); };
  TensorCollector(legacy.object(), storages, file).collect_state_dict();
  return file;
}

}  // namespace clipdex::encoder
