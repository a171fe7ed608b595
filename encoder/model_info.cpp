#include "encoder/model_info.h"

#include <array>
#include <span>
#include <stdexcept>

#include "encoder/clip_tensors.h"
#include "encoder/content_hash.h"
#include "encoder/published_models.h"

namespace clipdex::encoder {
namespace {

std::string fingerprint(const OpenedModel& model) {
  const std::string all =
      describe(model.directory.config) + "\n" + describe(model.directory.preprocessing) + "\n" + model.checkpoint.content_hash();
  ContentHash hash;
  hash.add(std::as_bytes(std::span(all)));
  return hash.text();
}

}  // namespace

ModelInfo describe_model(const OpenedModel& model) {
  const auto& [directory, checkpoint] = model;
  ModelInfo info;
  info.name = directory.name;
  info.architecture = architecture_name(directory.config);
  info.weights_file = checkpoint.path().filename().string();
  info.layout = directory.layout;
  info.container = (checkpoint.sharded() ? "sharded " : "") + std::string(container_name(checkpoint.container()));
  info.dtype = tensor_type_name(checkpoint.dominant_type());
  for (const auto& [name, view] : checkpoint.tensors()) ++info.tensors[std::string(tensor_type_name(view.type))];
  for (const auto& file : checkpoint.files()) info.files.emplace_back(file.path().filename().string(), file.bytes().size());
  info.parameters = parameter_count(directory.config);
  info.visual_parameters = visual_parameter_count(directory.config);
  std::array<float, 1> scale{};
  read_floats(*checkpoint.find("logit_scale"), 0, scale);
  info.logit_scale = scale.front();
  info.training_run = checkpoint.training_run();
  info.fingerprint = fingerprint(model);
  info.assumption = directory.assumption;
  return info;
}

std::optional<Tokenizer> open_tokenizer(const ModelDirectory& model) {
  if (!model.has_tokenizer) return std::nullopt;
  auto tokenizer = Tokenizer::open(model.directory);
  const auto vocabulary = static_cast<std::size_t>(model.config.text.vocabulary_size);
  if (tokenizer.vocabulary_size() <= vocabulary) return tokenizer;
  throw std::runtime_error("the tokenizer in " + model.directory.string() + " has " + std::to_string(tokenizer.vocabulary_size()) +
                           " tokens and the model has " + std::to_string(vocabulary) + ": they do not belong together");
}

InspectedModel inspect_model(const std::filesystem::path& path) {
  auto opened = open_model(path);
  check_tensors(opened.checkpoint, opened.directory.config);
  auto tokenizer = open_tokenizer(opened.directory);
  return {.info = describe_model(opened), .directory = std::move(opened.directory), .tokenizer = std::move(tokenizer)};
}

}  // namespace clipdex::encoder
