#include "encoder/model_conversion.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/clip_tensors.h"
#include "encoder/config_files.h"
#include "encoder/model_directory.h"
#include "encoder/model_files.h"
#include "encoder/model_info.h"
#include "encoder/new_directory.h"
#include "encoder/openai_vocabulary.h"
#include "encoder/tokenizer.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// One tensor of the new file: rows [row, row + shape[0]) of the concatenation of `sources`, transposed or not.
struct OutputTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  TensorType type = TensorType::kF32;
  std::vector<const TensorView*> sources;
  std::uint64_t first = 0;  // element of the concatenation
  bool transposed = false;
  std::uint64_t elements() const {
    std::uint64_t count = 1;
    for (const auto size : shape) count *= static_cast<std::uint64_t>(size);
    return count;
  }
};

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

// The plan of the new file.
std::vector<OutputTensor> plan(const OpenedModel& model, TensorNaming target, std::optional<TensorType> type) {
  const auto& checkpoint = model.checkpoint;
  const auto source_naming = *naming_of(checkpoint);
  std::vector<OutputTensor> outputs;
  for (const auto& tensor : clip_tensors(model.directory.config)) {
    const auto from = origin_of(checkpoint, source_naming, tensor.name);
    auto to = target == TensorNaming::kHuggingFace ? huggingface_origin(tensor.name) : TensorOrigin{{tensor.name}};
    if (target == TensorNaming::kOpenAi && to.names.front().starts_with("text.")) to.names.front().erase(0, 5);  // OpenAI's CLIP
    std::vector<const TensorView*> sources;
    sources.reserve(from.names.size());
    for (const auto& name : from.names) sources.push_back(checkpoint.find(name));
    for (std::size_t i = 0; i < to.names.size(); ++i) {
      OutputTensor output{.name = to.names[i], .shape = tensor.shape, .sources = sources, .transposed = from.transposed != to.transposed};
      if (to.names.size() > 1) output.shape.front() /= static_cast<std::int64_t>(to.names.size());
      if (to.transposed) std::swap(output.shape.front(), output.shape.back());
      output.first = i * output.elements();
      output.type = type_for(tensor.name, *sources[sources.size() == to.names.size() ? i : 0], type);
      outputs.push_back(std::move(output));
    }
  }
  // Wide ones first, so that each lies at a multiple of its elements' size and can be used where it is mapped.
  std::stable_sort(outputs.begin(), outputs.end(),
                   [](const OutputTensor& a, const OutputTensor& b) { return tensor_type_bytes(a.type) > tensor_type_bytes(b.type); });
  return outputs;
}

std::string_view safetensors_type(TensorType type) { return type == TensorType::kF16 ? "F16" : type == TensorType::kBf16 ? "BF16" : "F32"; }

std::string safetensors_header(const std::vector<OutputTensor>& outputs, std::uint64_t& data_bytes) {
  json header = {{"__metadata__", {{"format", "pt"}}}};
  data_bytes = 0;
  for (const auto& output : outputs) {
    const auto bytes = output.elements() * tensor_type_bytes(output.type);
    header[output.name] = {
        {"dtype", safetensors_type(output.type)}, {"shape", output.shape}, {"data_offsets", {data_bytes, data_bytes + bytes}}};
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

class WeightsWriter {
 public:
  WeightsWriter(const fs::path& path, const ConversionOptions& options) : file_(path), options_(options) {}

  void write(const std::vector<OutputTensor>& outputs) {
    const auto header = safetensors_header(outputs, data_bytes_);
    const std::uint64_t size = header.size();
    file_.write({reinterpret_cast<const char*>(&size), sizeof size});
    file_.write(header);
    for (const auto& output : outputs) {
      if (output.transposed) {
        write_transposed(output);
      } else {
        write_in_order(output);
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
    if (options_.progress) options_.progress(written_, data_bytes_);
  }

  void write_in_order(const OutputTensor& output) {
    for (std::uint64_t at = 0; at < output.elements(); at += kChunk) {
      values_.resize(std::min(kChunk, output.elements() - at));
      read_concatenated(output.sources, output.first + at, values_);
      write_values(output.type, values_);
    }
  }

  // Projections alone, of at most some million elements.
  void write_transposed(const OutputTensor& output) {
    const auto rows = static_cast<std::size_t>(output.shape[0]), columns = static_cast<std::size_t>(output.shape[1]);
    std::vector<float> all(rows * columns);
    read_concatenated(output.sources, 0, all);
    values_.resize(all.size());
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) values_[i * columns + j] = all[j * rows + i];
    }
    write_values(output.type, values_);
  }

  NewFile file_;
  const ConversionOptions& options_;
  std::uint64_t data_bytes_ = 0, written_ = 0;
  std::vector<float> values_;
  std::string bytes_;
};

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

// The source's files; OpenAI's merges are spelled out besides as transformers wants them.
void write_tokenizer(const fs::path& source, const NewDirectory& made) {
  const auto read = Tokenizer::source_files(source);
  const bool merges_alone = read.size() == 1 && read.front().extension() != ".json";
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

bool is_mount_point(const fs::path& directory) {
  struct stat own{}, parent{};
  return ::stat(directory.c_str(), &own) == 0 && ::stat((directory / "..").c_str(), &parent) == 0 && own.st_dev != parent.st_dev;
}

// Before anything is read: what cannot be made, and what may not be replaced. A mistyped path must not cost anybody a home directory.
void check_destination(const fs::path& path, bool replace) {
  const auto destination = path.has_filename() ? path : path.parent_path();
  const auto last = destination.filename();
  if (last.empty() || last == "." || last == "..")
    throw std::invalid_argument("\"" + path.string() + "\" is no name for a new directory: name the directory itself");
  const auto status = fs::symlink_status(destination);
  if (!fs::exists(status)) return;
  if (!replace) throw std::invalid_argument(destination.string() + " exists already: name another place, or replace it with --force");
  const bool empty = fs::is_directory(status) && fs::is_empty(destination);
  if (!empty && !is_model_directory(destination))
    throw std::invalid_argument(destination.string() + " is not a model's directory and nothing else: it is not replaced");
  if (is_mount_point(destination)) throw std::invalid_argument(destination.string() + " is a mount point, which cannot be replaced");
}

std::string config_type(std::optional<TensorType> wanted, const Checkpoint& checkpoint) {
  const auto type = wanted.value_or(checkpoint.dominant_type());
  return type == TensorType::kF16 ? "float16" : type == TensorType::kBf16 ? "bfloat16" : "float32";
}

}  // namespace

Conversion convert_model(const fs::path& path, const fs::path& destination, const ConversionOptions& options) {
  check_destination(destination, options.replace);
  const auto model = open_model(path);
  check_tensors(model.checkpoint, model.directory.config);
  const auto& config = model.directory.config;
  const auto& preprocessing = model.directory.preprocessing;
  const auto tokenizer = open_tokenizer(model.directory);
  const auto start = tokenizer ? std::optional<int>(tokenizer->start_token()) : std::nullopt;

  Conversion conversion{.layout = "huggingface", .reason = {}, .weights_file = "model.safetensors"};
  NewDirectory made(destination);
  if (const auto text = huggingface_config_text(config, start, config_type(options.type, model.checkpoint))) {
    made.write("config.json", *text);
    made.write("preprocessor_config.json", huggingface_preprocessing(preprocessing).dump(2) + "\n");
  } else {
    const auto preprocess_cfg = open_clip_preprocessing(preprocessing);
    const auto open_clip = preprocess_cfg ? open_clip_config_text(config, preprocess_cfg->dump()) : std::nullopt;
    if (!open_clip)
      throw std::runtime_error(path.string() + " cannot be converted: neither Hugging Face's nor open_clip's files can describe it");
    conversion = {.layout = "open_clip",
                  .reason = config.vision.kind == VisionKind::kResNet ? "Hugging Face's CLIP has no ResNets"
                                                                      : "Hugging Face's CLIP takes the end token 2 for another one",
                  .weights_file = "open_clip_model.safetensors"};
    made.write("open_clip_config.json", *open_clip);
  }
  write_tokenizer(model.directory.directory, made);
  const auto target = conversion.layout == "huggingface" ? TensorNaming::kHuggingFace : TensorNaming::kOpenAi;
  WeightsWriter(made.file(conversion.weights_file), options).write(plan(model, target, options.type));
  conversion.bytes = fs::file_size(made.file(conversion.weights_file));
  made.publish(options.replace);
  return conversion;
}

}  // namespace clipdex::encoder
