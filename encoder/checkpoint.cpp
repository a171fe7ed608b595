#include "encoder/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "encoder/content_hash.h"
#include "encoder/json_file.h"
#include "encoder/model_files.h"
#include "encoder/safetensors.h"
#include "encoder/torch_file.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kIndexBytesMax = std::size_t{16} << 20;
constexpr std::size_t kShardsMax = 1000;

// Name of each tensor -> file name of its shard.
std::map<std::string, std::string> read_index(const fs::path& file) {
  json index;
  try {
    index = read_json(file, {.bytes = kIndexBytesMax});
  } catch (const std::runtime_error& error) {
    throw weights_error(file, error.what());
  }
  if (!index.is_object()) throw weights_error(file, "it is not a JSON object: it is damaged, download or copy it again");
  if (!index.contains("weight_map") || !index["weight_map"].is_object() || index["weight_map"].empty()) {
    throw weights_error(file, "it has no weight_map: it is damaged, or not the index of a sharded checkpoint");
  }
  if (index["weight_map"].size() > kTensorsMax) throw weights_error(file, "it names over " + std::to_string(kTensorsMax) + " tensors");
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    const std::string shard_name = shard.is_string() ? shard.get<std::string>() : "";
    // It comes from anywhere and must not lead anywhere.
    const bool plain = !shard_name.empty() && shard_name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
                       shard_name != "." && shard_name != ".." && !shard_name.ends_with(kShardsIndexSuffix);
    if (!plain) throw weights_error(file, "the shard of tensor \"" + name + "\" is not the name of a file beside it");
    shards.emplace(name, shard_name);
  }
  return shards;
}

// In C order.
std::vector<std::byte> gather(const StridedTensor& tensor) {
  const std::size_t element = tensor_type_bytes(tensor.type);
  const std::size_t count = tensor.elements();
  std::vector<std::byte> bytes(count * element);
  std::vector<std::int64_t> index(tensor.shape.size());
  std::size_t from = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(bytes.data() + i * element, tensor.data.data() + from * element, element);
    for (std::size_t d = index.size(); d-- > 0;) {
      from += static_cast<std::size_t>(tensor.strides[d]);
      if (++index[d] < tensor.shape[d]) break;
      from -= static_cast<std::size_t>(tensor.strides[d] * tensor.shape[d]);
      index[d] = 0;
    }
  }
  return bytes;
}

}  // namespace

// What the tensors point into.
struct Checkpoint::Memory {
  std::vector<std::shared_ptr<const void>> mapped;
  std::vector<std::vector<std::byte>> gathered;
};

std::string_view container_name(Container container) {
  switch (container) {
    case Container::kSafetensors:
      return "safetensors";
    case Container::kTorchArchive:
      return "PyTorch archive";
    case Container::kLegacyTorch:
      return "PyTorch file from before 1.6";
    case Container::kTorchScript:
      return "TorchScript archive";
  }
  throw std::logic_error("unhandled container");
}

Checkpoint Checkpoint::open(const fs::path& file) {
  Checkpoint checkpoint;
  checkpoint.path_ = file;
  checkpoint.memory_ = std::make_shared<Memory>();
  if (file.filename().string().ends_with(kShardsIndexSuffix)) {
    checkpoint.open_shards();
  } else {
    checkpoint.add_file(MappedFile(file));
  }
  return checkpoint;
}

void Checkpoint::open_shards() {
  const auto index = read_index(path_);
  std::set<std::string> shards;
  for (const auto& [name, shard] : index) shards.insert(shard);
  if (shards.size() > kShardsMax) throw weights_error(path_, "it names over " + std::to_string(kShardsMax) + " shards");
  for (const auto& shard : shards) {
    const auto file = path_.parent_path() / shard;
    if (!fs::exists(file)) throw weights_error(path_, "the shard " + shard + " is missing: download or copy it beside the index");
    for (const auto& name : add_file(MappedFile(file))) {
      const auto mapped = index.find(name);
      if (mapped == index.end()) throw weights_error(file, "tensor \"" + name + "\" is not in " + path_.filename().string());
      if (mapped->second != shard) throw weights_error(file, "tensor \"" + name + "\" should be in " + mapped->second);
    }
  }
  for (const auto& [name, shard] : index) {
    if (!tensors_.contains(name)) throw weights_error(path_.parent_path() / shard, "tensor \"" + name + "\" is missing");
  }
}

std::vector<std::string> Checkpoint::add_file(const MappedFile& file) {
  files_.push_back(file);
  memory_->mapped.push_back(file.memory());
  // A safetensors file begins with a length, whose bytes may be anything: a pickle's first two, for one.
  if (!is_safetensors(file.bytes()) && (is_zip(file.bytes()) || is_pickle(file.bytes()))) return add_torch_file(file);
  std::vector<std::string> names;
  const SafetensorsFile safetensors(file);
  for (const auto& [name, view] : safetensors.tensors()) {
    add_tensor(file.path(), name, view);
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> Checkpoint::add_torch_file(const MappedFile& file) {
  const bool zip = is_zip(file.bytes());
  std::vector<std::string> names;
  try {
    const auto torch = zip ? read_torch_archive(file.bytes()) : read_legacy_torch_file(file.bytes());
    container_ = torch.torchscript ? Container::kTorchScript : zip ? Container::kTorchArchive : Container::kLegacyTorch;
    training_run_ = torch.training_run;
    std::size_t gathered = 0;
    for (const auto& [name, tensor] : torch.tensors) {
      names.push_back(name);
      if (tensor.contiguous()) {
        add_tensor(file.path(), name, {.type = tensor.type, .shape = tensor.shape, .data = tensor.data});
        continue;
      }
      gathered += tensor.elements() * tensor_type_bytes(tensor.type);
      // Tensors may share storages, and a small file could ask for much.
      if (gathered > file.bytes().size()) throw std::runtime_error("its tensors out of order are larger than the file");
      memory_->gathered.push_back(gather(tensor));
      add_tensor(file.path(), name, {.type = tensor.type, .shape = tensor.shape, .data = memory_->gathered.back()});
    }
  } catch (const std::runtime_error& error) {
    if (std::string_view(error.what()).starts_with("cannot read")) throw;
    throw weights_error(file.path(), error.what());
  }
  return names;
}

void Checkpoint::add_tensor(const fs::path& file, const std::string& name, TensorView view) {
  const auto unprintable = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::any_of(name.begin(), name.end(), unprintable)) throw weights_error(file, "a tensor's name holds control characters");
  if (!tensors_.emplace(name, std::move(view)).second) throw weights_error(file, "tensor \"" + name + "\" is in another shard too");
}

const TensorView* Checkpoint::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::uint64_t Checkpoint::bytes() const {
  std::uint64_t total = 0;
  for (const auto& file : files_) total += file.bytes().size();
  return total;
}

std::string Checkpoint::content_hash() const {
  ContentHash hash;
  constexpr std::size_t kPart = std::size_t{64} << 20;
  for (const auto& file : files_) {
    for (auto rest = file.bytes(); !rest.empty(); rest = rest.subspan(std::min(rest.size(), kPart))) {
      hash.add(rest.first(std::min(rest.size(), kPart)));
      file.release_pages();  // whoever only wants to know a model's fingerprint need not have it in memory
    }
  }
  return hash.text();
}

TensorType Checkpoint::dominant_type() const {
  std::map<TensorType, std::uint64_t> bytes;
  for (const auto& [name, view] : tensors_) bytes[view.type] += view.data.size();
  TensorType best = TensorType::kF32;
  for (const auto& [type, count] : bytes) {
    if (count > bytes[best]) best = type;
  }
  return best;
}

void Checkpoint::release_pages() const {
  for (const auto& file : files_) file.release_pages();
}

}  // namespace clipdex::encoder
