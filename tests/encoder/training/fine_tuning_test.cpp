// Training that begins with a checkpoint somebody else made, in each of the layouts that CLIPs are handed around in.
#include <ATen/ATen.h>

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <filesystem>

#include "encoder/clip_encoder.h"
#include "encoder/model_conversion.h"
#include "encoder/model_directory.h"
#include "encoder/training/trainable_clip.h"
#include "tests/encoder/torch_files.h"
#include "tests/encoder/training/tiny_training.h"

namespace {

namespace fs = std::filesystem;
namespace training = clipdex::training;
using namespace clipdex::tests;
using nlohmann::json;

// As OpenAI's shapes are read: heads of 64, QuickGELU.
fs::path write_openai_like_config(const fs::path& directory, int vocabulary_size) {
  const json config = {
      {"model_cfg",
       {{"embed_dim", 32},
        {"quick_gelu", true},
        {"vision_cfg", {{"image_size", 24}, {"layers", 2}, {"width", 64}, {"head_width", 64}, {"patch_size", 8}}},
        {"text_cfg", {{"context_length", 16}, {"vocab_size", vocabulary_size}, {"width", 64}, {"heads", 1}, {"layers", 2}}}}},
      {"preprocess_cfg", json::object()}};
  write_file(directory / "open_clip_config.json", config.dump());
  return directory / "open_clip_config.json";
}

// Under OpenAI's names, which are open_clip's.
Tensors openai_tensors(const fs::path& model) {
  const auto opened = clipdex::encoder::open_model(model);
  training::TrainableClip clip(opened.directory.config);
  clip.load(opened.checkpoint);
  Tensors tensors;
  for (const auto& [name, tensor] : clip.parameters()) {
    const auto values = tensor.detach().contiguous();
    const auto* first = values.const_data_ptr<float>();
    tensors[name.starts_with("text.") ? name.substr(5) : name] =
        float_tensor(values.sizes().vec(), std::vector<float>(first, first + values.numel()));
  }
  return tensors;
}

void copy_vocabulary(const fs::path& model, const fs::path& directory) {
  for (const auto* name : {"vocab.json", "merges.txt"}) fs::copy_file(model / name, directory / name);
}

// Three steps from the model.
struct Tuned {
  explicit Tuned(training::TrainingOptions options, const fs::path& from) {
    options.config.clear();
    options.vocabulary_size = 0;
    options.from = from;
    options.out = out.path() / "run";
    options.steps = 3;
    model = training::train(options).model;
    steps = course(options.out);
  }

  TemporaryDirectory out;
  fs::path model;
  std::vector<json> steps;
};

}  // namespace

TEST_CASE("fine-tuning takes the same course from Hugging Face's, open_clip's and OpenAI's files, and nearly the same from fp16") {
  const TemporaryDirectory data, out;
  auto options = tiny_training(data, out, 40);
  options.config = write_openai_like_config(data.path(), 600).string();
  const auto base = training::train(options).model;
  const Tuned wanted(options, base);
  REQUIRE(wanted.steps.size() == 3);

  const auto open_clip = out.path() / "open_clip", openai = out.path() / "openai", half = out.path() / "half";
  for (const auto& directory : {open_clip, openai}) {
    fs::create_directories(directory);
    copy_vocabulary(base, directory);
  }
  auto tensors = openai_tensors(base);
  // The captions had no more tokens in them than this.
  write_openai_like_config(open_clip, static_cast<int>(tensors.at("token_embedding.weight").shape.at(0)));
  write_safetensors(open_clip / "open_clip_model.safetensors", tensors);
  for (const auto* name : {"input_resolution", "context_length", "vocab_size"}) tensors[name] = {"I64", {}, little_endian(24, 8)};
  write_bytes(openai / "tiny.pt", torchscript_archive(tensors));
  for (const auto& from : {open_clip, openai, openai / "tiny.pt"}) {
    INFO(from);
    const Tuned tuned(options, from);
    CHECK(tuned.steps == wanted.steps);
    const std::vector<std::string> texts = {"a red square at the top"};
    CHECK(clipdex::encoder::ClipEncoder(tuned.model).encode_texts(texts).values ==
          clipdex::encoder::ClipEncoder(wanted.model).encode_texts(texts).values);
  }

  clipdex::encoder::convert_model(base, half, {.type = clipdex::encoder::TensorType::kF16});
  const Tuned tuned(options, half);
  for (std::size_t i = 0; i < 3; ++i) {
    const double difference = std::abs(tuned.steps.at(i).at("loss").get<double>() - wanted.steps.at(i).at("loss").get<double>());
    CHECK(difference > 0);
    CHECK(difference < 0.01);
  }
}
