#include "encoder/model_files.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <stdexcept>

#include "encoder/config_section.h"
#include "encoder/safetensors.h"
#include "encoder/torch_file.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kHuggingFaceWeights = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                                                 "pytorch_model.bin.index.json"};
constexpr std::array<std::string_view, 15> kOpenClipWeights = {"open_clip_model.safetensors",
                                                               "open_clip_model.safetensors.index.json",
                                                               "open_clip_pytorch_model.safetensors",
                                                               "open_clip_pytorch_model.bin",
                                                               "open_clip_pytorch_model.bin.index.json",
                                                               "open_clip_pytorch_model.pth",
                                                               "open_clip_model.bin",
                                                               "open_clip_model.pth",
                                                               "model.safetensors",
                                                               "model.safetensors.index.json",
                                                               "pytorch_model.bin",
                                                               "pytorch_model.bin.index.json",
                                                               "pytorch_model.pth",
                                                               "model.pth",
                                                               "open_clip_pytorch_model.pt"};
constexpr std::array<std::string_view, 9> kTokenizerFiles = {"vocab.json",
                                                             "merges.txt",
                                                             "tokenizer.json",
                                                             "tokenizer_config.json",
                                                             "special_tokens_map.json",
                                                             "added_tokens.json",
                                                             "sentencepiece.model",
                                                             "bpe_simple_vocab_16e6.txt.gz",
                                                             "bpe_simple_vocab_16e6.txt"};
// What repositories of models hold besides.
constexpr std::array<std::string_view, 9> kCompanions = {
    "README.md",          "LICENSE",    "LICENSE.txt", "LICENSE.md", ".gitattributes", "preprocessor_config.json", "processor_config.json",
    "flax_model.msgpack", "tf_model.h5"};

bool is_among(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_index_name(std::string_view name) {
  return name.ends_with(kShardsIndexSuffix) && has_checkpoint_name(name.substr(0, name.size() - kShardsIndexSuffix.size()));
}

bool belongs_to_models(const std::string& name) {
  return name == kHuggingFaceConfig || name == kOpenClipConfig || is_among(kTokenizerFiles, name) || is_among(kCompanions, name) ||
         has_checkpoint_name(name) || is_index_name(name);
}

// Says so itself: what leaves everything to defaults may be any program's.
bool describes_clip(const fs::path& config) {
  if (!fs::is_regular_file(config)) return false;
  try {
    const auto top = ConfigSection::read(config);
    return config.filename() == kOpenClipConfig ? top.has("model_cfg") : top.text("model_type", "") == "clip";
  } catch (const std::runtime_error&) {
    return false;  // some other program's
  }
}

}  // namespace

std::span<const std::string_view> huggingface_weights() { return kHuggingFaceWeights; }
std::span<const std::string_view> open_clip_weights() { return kOpenClipWeights; }
std::span<const std::string_view> tokenizer_files() { return kTokenizerFiles; }

std::optional<fs::path> first_file(const fs::path& directory, std::span<const std::string_view> names) {
  for (const auto name : names) {
    if (fs::is_regular_file(directory / name)) return directory / name;
  }
  return std::nullopt;
}

bool has_checkpoint_name(const fs::path& file) {
  static constexpr std::array<std::string_view, 4> kExtensions = {".safetensors", ".pt", ".pth", ".bin"};
  return is_among(kExtensions, file.extension().string());
}

bool is_checkpoint(const fs::path& file) {
  if (!fs::is_regular_file(file)) return false;
  if (has_checkpoint_name(file) || file.filename().string().ends_with(kShardsIndexSuffix)) return true;
  std::array<char, 16> first{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(first.data(), first.size());
  const auto bytes = std::as_bytes(std::span(first)).first(static_cast<std::size_t>(stream.gcount()));
  return is_safetensors(bytes) || is_zip(bytes) || is_pickle(bytes);
}

std::string checkpoint_name(const fs::path& file) {
  auto name = file.filename().string();
  if (name.ends_with(kShardsIndexSuffix)) name.resize(name.size() - kShardsIndexSuffix.size());
  return fs::path(name).stem().string();
}

bool is_model_directory(const fs::path& directory) {
  if (!fs::is_directory(fs::symlink_status(directory))) return false;
  const bool huggingface = describes_clip(directory / kHuggingFaceConfig) && first_file(directory, kHuggingFaceWeights);
  const bool open_clip = describes_clip(directory / kOpenClipConfig) && first_file(directory, kOpenClipWeights);
  if (!huggingface && !open_clip) return false;
  const auto entries = fs::directory_iterator(directory);
  return std::all_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    return !entry.is_directory() && belongs_to_models(entry.path().filename().string());
  });
}

}  // namespace clipdex::encoder
