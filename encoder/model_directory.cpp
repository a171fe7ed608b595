#include "encoder/model_directory.h"

#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "encoder/clip_tensors.h"
#include "encoder/config_files.h"
#include "encoder/config_inference.h"
#include "encoder/model_files.h"
#include "encoder/tokenizer.h"

namespace clipdex::encoder {
namespace {

namespace fs = std::filesystem;

// What the directory's own files describe; for each the file, or nothing.
struct Descriptions {
  std::optional<fs::path> huggingface, open_clip;
};

Descriptions descriptions_in(const fs::path& directory) {
  Descriptions found;
  const auto config = directory / kHuggingFaceConfig;
  if (fs::exists(config) && is_huggingface_config(config)) found.huggingface = config;
  if (fs::exists(directory / kOpenClipConfig)) found.open_clip = directory / kOpenClipConfig;
  return found;
}

void check_size(const ModelDirectory& model, const fs::path& described_by) {
  const int image_size = model.config.vision.image_size;
  if (model.preprocessing.width == image_size && model.preprocessing.height == image_size) return;
  throw std::runtime_error(described_by.string() + ": preprocessing makes pictures of " + std::to_string(model.preprocessing.width) +
                           " x " + std::to_string(model.preprocessing.height) + " and the model takes " + std::to_string(image_size) +
                           " x " + std::to_string(image_size));
}

void read_huggingface_preprocessor(ModelDirectory& model) {
  const int image_size = model.config.vision.image_size;
  const auto file = model.directory / kPreprocessorConfig;
  if (fs::exists(file)) {
    model.preprocessing = read_huggingface_preprocessing(file, image_size);
    check_size(model, file);
  } else {
    model.preprocessing = {
        .width = image_size, .height = image_size, .resize_to = image_size, .convention = PreprocessingConvention::kHuggingFace};
  }
}

void describe_as_huggingface(ModelDirectory& model, const fs::path& config) {
  model.layout = "huggingface";
  model.config = read_huggingface_config(config);
  read_huggingface_preprocessor(model);
}

void describe_as_open_clip(ModelDirectory& model, const fs::path& config) {
  model.layout = "open_clip";
  model.config = read_open_clip_config(config);
  model.preprocessing = read_open_clip_preprocessing(config, model.config.vision.image_size);
  check_size(model, config);
}

void describe_by_tensors(ModelDirectory& model, const Checkpoint& checkpoint, TensorNaming naming) {
  auto inferred = infer_model(checkpoint, naming);
  model.config = inferred.config;
  model.preprocessing = inferred.preprocessing;
  model.assumption = std::move(inferred.assumption);
  const bool huggingface = naming == TensorNaming::kHuggingFace;
  model.layout = huggingface ? "huggingface" : checkpoint.container() == Container::kTorchScript ? "openai" : "open_clip";
  if (huggingface && fs::exists(model.directory / kPreprocessorConfig)) read_huggingface_preprocessor(model);
}

OpenedModel open_file(const fs::path& file) {
  auto checkpoint = Checkpoint::open(file);
  OpenedModel opened{.directory = {}, .checkpoint = std::move(checkpoint)};
  auto& model = opened.directory;
  model.directory = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  const auto naming = naming_of(opened.checkpoint);
  if (!naming) check_tensors(opened.checkpoint, {});  // says so
  const auto described = descriptions_in(model.directory);
  if (*naming == TensorNaming::kHuggingFace && described.huggingface) {
    describe_as_huggingface(model, *described.huggingface);
  } else if (*naming == TensorNaming::kOpenAi && described.open_clip) {
    describe_as_open_clip(model, *described.open_clip);
  } else {
    describe_by_tensors(model, opened.checkpoint, *naming);
  }
  return opened;
}

// The one checkpoint of a directory that nothing describes.
fs::path only_checkpoint(const fs::path& directory) {
  std::vector<fs::path> files, indexes;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    if (entry.path().filename().string().ends_with(kShardsIndexSuffix)) indexes.push_back(entry.path());
    if (has_checkpoint_name(entry.path())) files.push_back(entry.path());
  }
  if (indexes.size() == 1) return indexes.front();
  if (files.size() == 1) return files.front();
  const std::string where = "there is no model in " + directory.string() + ": it has neither config.json nor open_clip_config.json";
  if (files.empty()) throw std::runtime_error(where + ", nor a checkpoint (.safetensors, .pt, .pth, .bin)");
  throw std::runtime_error(where + ", and " + std::to_string(files.size()) + " checkpoints: name one of them instead of the directory");
}

OpenedModel with_checkpoint(const fs::path& directory, const fs::path& file) {
  // In a step of its own: g++ 14 destroys members that were never made if an initialiser within braces throws.
  auto checkpoint = Checkpoint::open(file);
  OpenedModel opened{.directory = {}, .checkpoint = std::move(checkpoint)};
  opened.directory.directory = directory;
  return opened;
}

OpenedModel open_directory(const fs::path& directory) {
  const auto described = descriptions_in(directory);
  if (!described.huggingface && !described.open_clip) return open_file(only_checkpoint(directory));
  if (described.huggingface) {
    const auto file = first_file(directory, huggingface_weights());
    if (!file && !described.open_clip) {
      throw std::runtime_error("no weights in " + directory.string() +
                               ": model.safetensors or pytorch_model.bin, whole or sharded, is what clipdex reads");
    }
    if (file) {
      auto opened = with_checkpoint(directory, *file);
      // With open_clip's configuration too, the names decide.
      if (!described.open_clip || naming_of(opened.checkpoint) == TensorNaming::kHuggingFace) {
        describe_as_huggingface(opened.directory, *described.huggingface);
        return opened;
      }
    }
  }
  const auto file = first_file(directory, open_clip_weights());
  if (!file) {
    throw std::runtime_error("no weights in " + directory.string() +
                             ": open_clip_model.safetensors, open_clip_pytorch_model.bin or model.safetensors is what clipdex reads");
  }
  auto opened = with_checkpoint(directory, *file);
  describe_as_open_clip(opened.directory, *described.open_clip);
  return opened;
}

std::string name_of(const fs::path& path, bool is_directory) {
  const auto canonical = fs::weakly_canonical(path);
  const auto last = canonical.has_filename() ? canonical.filename() : canonical.parent_path().filename();
  return is_directory ? last.string() : checkpoint_name(last);
}

}  // namespace

OpenedModel open_model(const fs::path& path) {
  if (!fs::exists(path)) throw std::runtime_error("there is no model in " + path.string() + ": no such file or directory");
  const bool is_directory = fs::is_directory(path);
  auto opened = is_directory ? open_directory(path) : open_file(path);
  opened.directory.name = name_of(path, is_directory);
  opened.directory.has_tokenizer = Tokenizer::has_files(opened.directory.directory);
  return opened;
}

}  // namespace clipdex::encoder
