// Writes what torch.save and TorchScript write, byte by byte, for tests: valid files, and ones with a chosen defect.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/encoder/safetensors_files.h"

namespace clipdex::tests {

using Tensors = std::map<std::string, TensorData>;

inline std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFF);
  return text;
}

// A pickle in the making. Values are pushed on Python's stack in order; see pickletools.
class PickleWriter {
 public:
  explicit PickleWriter(int protocol = 2) { bytes_ = std::string("\x80") + static_cast<char>(protocol); }
  PickleWriter& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  PickleWriter& mark() { return raw("("); }
  PickleWriter& dict() { return raw("}"); }
  PickleWriter& set_items() { return raw("u"); }
  PickleWriter& tuple() { return raw("t"); }
  PickleWriter& global(std::string_view scope, std::string_view name) { return raw("c").raw(scope).raw("\n").raw(name).raw("\n"); }
  PickleWriter& text(std::string_view value) { return raw("X").raw(little_endian(value.size(), 4)).raw(value); }
  PickleWriter& integer(std::int64_t value) { return raw("\x8a\x08").raw(little_endian(static_cast<std::uint64_t>(value), 8)); }
  PickleWriter& sizes(const std::vector<std::int64_t>& values) {
    mark();
    for (const auto value : values) integer(value);
    return tuple();
  }
  PickleWriter& ordered_dict() { return global("collections", "OrderedDict").raw(")R"); }
  // The whole pickle.
  std::string stop() { return bytes_ + "."; }

 private:
  std::string bytes_;
};

struct StoredTensor {
  std::string storage_class, key;
  std::int64_t storage_elements = 0, offset = 0;
  std::vector<std::int64_t> shape, strides;
};

inline std::string storage_class(const std::string& dtype) {
  static const std::map<std::string, std::string> classes = {{"F64", "DoubleStorage"},    {"F32", "FloatStorage"}, {"F16", "HalfStorage"},
                                                             {"BF16", "BFloat16Storage"}, {"I64", "LongStorage"},  {"U8", "ByteStorage"}};
  return classes.at(dtype);
}

inline std::int64_t element_bytes(const std::string& dtype) {
  return dtype == "F64" || dtype == "I64" ? 8 : dtype == "F32" ? 4 : dtype == "U8" ? 1 : 2;
}

inline StoredTensor in_order(const TensorData& tensor, const std::string& key) {
  StoredTensor stored{.storage_class = storage_class(tensor.dtype), .key = key, .shape = tensor.shape, .strides = tensor.shape};
  stored.storage_elements = static_cast<std::int64_t>(tensor.bytes.size()) / element_bytes(tensor.dtype);
  std::int64_t stride = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0; stride *= tensor.shape[i]) stored.strides[i] = stride;
  return stored;
}

inline PickleWriter& push_tensor(PickleWriter& pickle, const StoredTensor& tensor, bool legacy = false) {
  pickle.global("torch._utils", "_rebuild_tensor_v2").mark();
  pickle.mark().text("storage").global("torch", tensor.storage_class).text(tensor.key).text("cpu").integer(tensor.storage_elements);
  if (legacy) pickle.raw("N");
  pickle.tuple().raw("Q").integer(tensor.offset).sizes(tensor.shape).sizes(tensor.strides);
  return pickle.raw("\x89").ordered_dict().tuple().raw("R");
}

struct ZipEntry {
  std::string name, data;
  std::uint16_t method = 0;
};

// Entries whose data begin at multiples of 64, as PyTorch aligns them.
inline std::string zip_archive(const std::vector<ZipEntry>& entries) {
  std::string out, directory;
  const auto text = [](std::uint64_t value, std::size_t bytes) { return little_endian(value, bytes); };
  for (const auto& entry : entries) {
    const std::size_t offset = out.size();
    std::string extra = "FB";
    const std::size_t padding = (64 - (offset + 30 + entry.name.size() + 4) % 64) % 64;
    extra += text(padding, 2) + std::string(padding, 'Z');
    const std::string sizes = text(entry.data.size(), 4) + text(entry.data.size(), 4);
    const std::string common = text(0, 2) + text(entry.method, 2) + text(0, 4) + text(0, 4) + sizes + text(entry.name.size(), 2);
    out += "PK\x03\x04" + text(0, 2) + common + text(extra.size(), 2) + entry.name + extra + entry.data;
    directory += "PK\x01\x02" + text(0, 4) + common + text(0, 2) + text(0, 2) + text(0, 8) + text(offset, 4) + entry.name;
  }
  const std::string counts = text(0, 4) + text(entries.size(), 2) + text(entries.size(), 2);
  return out + directory + "PK\x05\x06" + counts + text(directory.size(), 4) + text(out.size(), 4) + text(0, 2);
}

// Around the pickle of an object: the entries of an archive that torch.save calls "archive".
inline std::vector<ZipEntry> torch_entries(const std::string& pickle, const std::map<std::string, std::string>& storages) {
  std::vector<ZipEntry> entries = {{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (const auto& [key, bytes] : storages) entries.push_back({"archive/data/" + key, bytes});
  entries.push_back({"archive/version", "3\n"});
  return entries;
}

// An OrderedDict of tensors on the pickle's stack; `storages` gets their bytes.
inline void push_state_dict(PickleWriter& pickle, const Tensors& tensors, std::map<std::string, std::string>& storages,
                            const std::string& prefix = "", bool legacy = false) {
  pickle.ordered_dict().mark();
  for (const auto& [name, tensor] : tensors) {
    const auto key = std::to_string(storages.size());
    storages[key] = tensor.bytes;
    pickle.text(prefix + name);
    push_tensor(pickle, in_order(tensor, key), legacy);
  }
  pickle.set_items();
  // state_dict() carries versions of modules as an attribute.
  pickle.dict().text("_metadata").ordered_dict().raw("sb");
}

// torch.save(state_dict)
inline std::string torch_archive(const Tensors& tensors) {
  PickleWriter pickle;
  std::map<std::string, std::string> storages;
  push_state_dict(pickle, tensors, storages);
  return zip_archive(torch_entries(pickle.stop(), storages));
}

// What open_clip saves while it trains on several cards.
inline std::string training_checkpoint(const Tensors& tensors, const std::string& run) {
  PickleWriter pickle;
  std::map<std::string, std::string> storages;
  pickle.dict().mark().text("epoch").integer(3).text("name").text(run).text("state_dict");
  push_state_dict(pickle, tensors, storages, "module.");
  pickle.text("optimizer").dict().text("param_groups").raw("](").dict().text("lr").raw("G\x3f\x40\x62\x4d\xd2\xf1\xa9\xfc").raw("ses");
  pickle.set_items();
  return zip_archive(torch_entries(pickle.stop(), storages));
}

// What torch.save wrote before PyTorch 1.6.
inline std::string legacy_torch_file(const Tensors& tensors) {
  PickleWriter pickle;
  std::map<std::string, std::string> storages;
  push_state_dict(pickle, tensors, storages, "", /*legacy=*/true);
  std::string out = PickleWriter().raw(std::string_view("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12)).stop();
  out += PickleWriter().raw("M\xe9\x03").stop();
  out += PickleWriter().dict().mark().text("protocol_version").integer(1001).text("little_endian").raw("\x88").set_items().stop();
  out += pickle.stop();
  PickleWriter keys;
  keys.raw("](");
  for (const auto& [key, bytes] : storages) keys.text(key);
  out += keys.raw("e").stop();
  std::map<std::string, std::int64_t> sizes;
  for (const auto& [name, tensor] : tensors) sizes[std::to_string(sizes.size())] = element_bytes(tensor.dtype);
  for (const auto& [key, bytes] : storages) out += little_endian(bytes.size() / static_cast<std::size_t>(sizes.at(key)), 8) + bytes;
  return out;
}

// torch.jit.save of modules whose parameters bear these names, as OpenAI published CLIP.
inline std::string torchscript_archive(const Tensors& tensors) {
  PickleWriter pickle;
  std::map<std::string, std::string> storages;
  // The module of all names that begin with `prefix`.
  const std::function<void(const std::string&)> push_module = [&](const std::string& prefix) {
    pickle.global("__torch__.clip.model" + (prefix.empty() ? "" : ".___torch_mangle_" + std::to_string(prefix.size())), "Module");
    pickle.raw(")\x81").dict().mark().text("training").raw("\x89").text("_is_full_backward_hook").raw("N");
    std::string last;
    for (auto each = tensors.lower_bound(prefix); each != tensors.end() && each->first.starts_with(prefix); ++each) {
      const auto rest = each->first.substr(prefix.size());
      const auto name = rest.substr(0, rest.find('.'));
      if (name == last) continue;
      last = name;
      pickle.text(name);
      if (name == rest) {
        const auto key = std::to_string(storages.size());
        storages[key] = each->second.bytes;
        push_tensor(pickle, in_order(each->second, key));
      } else {
        push_module(prefix + name + ".");
      }
    }
    pickle.set_items().raw("b");
  };
  push_module("");
  auto entries = torch_entries(pickle.stop(), storages);
  entries.push_back({"archive/constants.pkl", PickleWriter().raw(")").stop()});
  entries.push_back({"archive/code/__torch__/clip/model.py", "compressed, as code is", /*method=*/8});
  return zip_archive(entries);
}

inline void write_bytes(const std::filesystem::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

}  // namespace clipdex::tests
