#include "encoder/model_writer.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/config_files.h"
#include "encoder/model_files.h"
#include "encoder/openai_vocabulary.h"
#include "encoder/tokenizer.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What openai/CLIP's convert_weights makes half: convolutions, linear layers, attention's projections, and the two towers' own.
bool becomes_half(const std::string& name) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  if (name == "logit_scale" || has("embedding") || has(".ln_") || has(".bn") || has("downsample.1.")) return false;
  return true;
}

TensorType type_for(const std::string& name, const TensorView& source, std::optional<TensorType> wanted) {
  if (!wanted) return source.type == TensorType::kF64 ? TensorType::kF32 : source.type;
  return becomes_half(name) ? *wanted : TensorType::kF32;
}

// The tensors of the new file.
std::vector<TensorToWrite> plan(const ModelToWrite& model, TensorNaming target, std::optional<TensorType> type) {
  std::vector<TensorToWrite> outputs;
  for (const auto& tensor : clip_tensors(model.config)) {
    const auto from = model.origin(tensor.name);
    auto to = target == TensorNaming::kHuggingFace ? huggingface_origin(tensor.name) : TensorOrigin{{tensor.name}};
    if (target == TensorNaming::kOpenAi && to.names.front().starts_with("text.")) to.names.front().erase(0, 5);  // OpenAI's CLIP
    std::vector<const TensorView*> sources;
    sources.reserve(from.names.size());
    for (const auto& name : from.names) sources.push_back(model.find(name));
    for (std::size_t i = 0; i < to.names.size(); ++i) {
      TensorToWrite output{.name = to.names[i], .shape = tensor.shape, .sources = sources, .transposed = from.transposed != to.transposed};
      if (to.names.size() > 1) output.shape.front() /= static_cast<std::int64_t>(to.names.size());
      if (to.transposed) std::swap(output.shape.front(), output.shape.back());
      output.first = i * output.elements();
      output.type = type_for(tensor.name, *sources[sources.size() == to.names.size() ? i : 0], type);
      outputs.push_back(std::move(output));
    }
  }
  return outputs;
}

constexpr std::string_view mode_name(ResizeMode mode) {
  return mode == ResizeMode::kShortest ? "shortest" : mode == ResizeMode::kLongest ? "longest" : "squash";
}

// preprocess_cfg of open_clip; nothing where it has no words for it.
std::optional<json> open_clip_preprocessing(const Preprocessing& p) {
  const bool known = p.interpolation == Interpolation::kBicubic || p.interpolation == Interpolation::kBilinear;
  if (!known || p.convention != PreprocessingConvention::kOpenAi || p.resize_to != p.height) return std::nullopt;
  return json{{"size", {p.height, p.width}},
              {"mean", p.mean},
              {"std", p.std},
              {"interpolation", p.interpolation == Interpolation::kBicubic ? "bicubic" : "bilinear"},
              {"resize_mode", mode_name(p.resize_mode)},
              {"fill_color", p.fill}};
}

// Transformers' CLIPImageProcessor. "clipdex" says what it has no words for, so that the pixels stay the same here.
json huggingface_preprocessing(const Preprocessing& p) {
  int resample = 3;
  if (p.interpolation == Interpolation::kNearest) resample = 0;
  if (p.interpolation == Interpolation::kLanczos) resample = 1;
  if (p.interpolation == Interpolation::kBilinear) resample = 2;
  const bool squash = p.resize_mode == ResizeMode::kSquash;
  json all = {{"image_processor_type", "CLIPImageProcessor"},
              {"do_convert_rgb", true},
              {"do_resize", true},
              {"size", squash ? json{{"height", p.height}, {"width", p.width}} : json{{"shortest_edge", p.resize_to}}},
              {"resample", resample},
              {"do_center_crop", !squash},
              {"crop_size", {{"height", p.height}, {"width", p.width}}},
              {"do_rescale", true},
              {"rescale_factor", 1.0 / 255},
              {"do_normalize", true},
              {"image_mean", p.mean},
              {"image_std", p.std}};
  if (p.convention == PreprocessingConvention::kOpenAi) {
    all["clipdex"] = {{"convention", "openai"}, {"resize_mode", mode_name(p.resize_mode)}, {"fill", p.fill}};
  }
  return all;
}

void copy_file(const fs::path& from, const NewDirectory& to, std::string_view name) {
  std::ifstream stream(from, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.good() && !stream.eof()) throw std::runtime_error("cannot read " + from.string());
  to.write(name, bytes);
}

// For config.json: what was asked for, or else the type that most bytes are written in.
std::string config_type(std::optional<TensorType> wanted, const std::vector<TensorToWrite>& tensors) {
  std::map<TensorType, std::uint64_t> bytes;
  for (const auto& tensor : tensors) bytes[tensor.type] += tensor.elements() * tensor_type_bytes(tensor.type);
  const auto dominant = std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto most = wanted.value_or(dominant->first);
  return most == TensorType::kF16 ? "float16" : most == TensorType::kBf16 ? "bfloat16" : "float32";
}

}  // namespace

void write_tokenizer(const fs::path& source, const NewDirectory& made) {
  const auto read = fs::is_directory(source) ? Tokenizer::source_files(source) : std::vector{source};
  const bool merges_alone = read.size() == 1 && read.front().extension() != ".json";
  if (read.size() == 1 && read.front() == source && !merges_alone) return copy_file(source, made, "tokenizer.json");
  for (const auto name : tokenizer_files()) {
    // Half of a pair, which was not read.
    if (merges_alone && (name == "vocab.json" || name == "merges.txt")) continue;
    if (fs::is_regular_file(source / name)) copy_file(source / name, made, name);
  }
  if (!merges_alone) return;
  const auto [merges, ids] = read_openai_vocabulary(read.front());
  made.write("vocab.json", vocab_json_text(ids));
  made.write("merges.txt", merges_txt_text(merges));
}

WrittenModel write_model(const NewDirectory& made, const ModelToWrite& model, std::optional<TensorType> type,
                         const WriteProgress& progress) {
  WrittenModel written{.layout = "huggingface", .reason = {}, .weights_file = "model.safetensors"};
  const auto& config = model.config;
  auto tensors = plan(model, config.vision.kind == VisionKind::kResNet ? TensorNaming::kOpenAi : TensorNaming::kHuggingFace, type);
  if (const auto text = huggingface_config_text(config, model.start_token, config_type(type, tensors))) {
    made.write("config.json", *text);
    made.write("preprocessor_config.json", huggingface_preprocessing(model.preprocessing).dump(2) + "\n");
  } else {
    const auto preprocess_cfg = open_clip_preprocessing(model.preprocessing);
    const auto open_clip = preprocess_cfg ? open_clip_config_text(config, preprocess_cfg->dump()) : std::nullopt;
    if (!open_clip)
      throw std::runtime_error(model.name + " cannot be written: neither Hugging Face's nor open_clip's files can describe it");
    written = {.layout = "open_clip",
               .reason = config.vision.kind == VisionKind::kResNet ? "Hugging Face's CLIP has no ResNets"
                                                                   : "Hugging Face's CLIP takes the end token 2 for another one",
               .weights_file = "open_clip_model.safetensors"};
    made.write("open_clip_config.json", *open_clip);
    tensors = plan(model, TensorNaming::kOpenAi, type);
  }
  if (!model.tokenizer.empty()) write_tokenizer(model.tokenizer, made);
  write_safetensors(made.file(written.weights_file), std::move(tensors), progress);
  written.bytes = fs::file_size(made.file(written.weights_file));
  return written;
}

}  // namespace clipdex::encoder
