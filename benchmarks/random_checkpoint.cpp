#include "benchmarks/random_checkpoint.h"

#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

namespace clipdex::benchmarks {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::array<int, 4> kResNetBlocks = {3, 4, 6, 3};
constexpr int kVocabulary = 49'408, kContext = 77;

struct Tensors {
  std::vector<std::pair<std::string, Shape>> all;

  void add(const std::string& name, Shape shape) { all.emplace_back(name, std::move(shape)); }
  void add_linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void add_norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  }
  void add_batch_norm(const std::string& name, std::int64_t width) {
    add_norm(name, width);
    add(name + ".running_mean", {width});
    add(name + ".running_var", {width});
  }
  void add_transformer(const std::string& name, int layers, std::int64_t width) {
    for (int i = 0; i < layers; ++i) {
      const std::string block = name + ".resblocks." + std::to_string(i);
      add_norm(block + ".ln_1", width);
      add(block + ".attn.in_proj_weight", {3 * width, width});
      add(block + ".attn.in_proj_bias", {3 * width});
      add_linear(block + ".attn.out_proj", width, width);
      add_norm(block + ".ln_2", width);
      add_linear(block + ".mlp.c_fc", 4 * width, width);
      add_linear(block + ".mlp.c_proj", width, 4 * width);
    }
  }
  void add_convolution(const std::string& convolution, const std::string& norm, std::int64_t out, std::int64_t in, std::int64_t kernel) {
    add(convolution + ".weight", {out, in, kernel, kernel});
    add_batch_norm(norm, out);
  }
};

void add_resnet(Tensors& tensors, const RandomCheckpoint& model) {
  const std::int64_t width = model.vision_width;
  tensors.add_convolution("visual.conv1", "visual.bn1", width / 2, 3, 3);
  tensors.add_convolution("visual.conv2", "visual.bn2", width / 2, width / 2, 3);
  tensors.add_convolution("visual.conv3", "visual.bn3", width, width / 2, 3);
  std::int64_t in = width;
  for (std::size_t stage = 0; stage < kResNetBlocks.size(); ++stage) {
    const std::int64_t planes = width << stage;
    for (int i = 0; i < kResNetBlocks[stage]; ++i) {
      const std::string block = "visual.layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      tensors.add_convolution(block + ".conv1", block + ".bn1", planes, in, 1);
      tensors.add_convolution(block + ".conv2", block + ".bn2", planes, planes, 3);
      tensors.add_convolution(block + ".conv3", block + ".bn3", 4 * planes, planes, 1);
      if (i == 0) tensors.add_convolution(block + ".downsample.0", block + ".downsample.1", 4 * planes, in, 1);
      in = 4 * planes;
    }
  }
  const std::int64_t grid = model.image_size / 32;
  tensors.add("visual.attnpool.positional_embedding", {grid * grid + 1, in});
  for (const auto* part : {"q_proj", "k_proj", "v_proj"}) tensors.add_linear(std::string("visual.attnpool.") + part, in, in);
  tensors.add_linear("visual.attnpool.c_proj", model.embedding_dimension, in);
}

Tensors tensors_of(const RandomCheckpoint& model) {
  Tensors tensors;
  const std::int64_t width = model.vision_width;
  if (model.vision_layers == 0) {
    add_resnet(tensors, model);
  } else {
    const std::int64_t grid = model.image_size / model.patch_size;
    tensors.add("visual.class_embedding", {width});
    tensors.add("visual.positional_embedding", {grid * grid + 1, width});
    tensors.add("visual.proj", {width, model.embedding_dimension});
    tensors.add("visual.conv1.weight", {width, 3, model.patch_size, model.patch_size});
    tensors.add_norm("visual.ln_pre", width);
    tensors.add_norm("visual.ln_post", width);
    tensors.add_transformer("visual.transformer", model.vision_layers, width);
  }
  tensors.add("positional_embedding", {kContext, model.text_width});
  tensors.add("text_projection", {model.text_width, model.embedding_dimension});
  tensors.add("logit_scale", {});
  tensors.add("token_embedding.weight", {kVocabulary, model.text_width});
  tensors.add_norm("ln_final", model.text_width);
  tensors.add_transformer("transformer", model.text_layers, model.text_width);
  return tensors;
}

std::int64_t elements(const Shape& shape) { return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()); }

// Uniform, with a spread that keeps activations of the order of 1; norms and variances around 1.
std::vector<float> random_values(const std::string& name, const Shape& shape, std::mt19937& random) {
  const bool around_one = name.ends_with("running_var") || (shape.size() == 1 && name.ends_with("weight"));
  const std::int64_t fan_in = shape.size() > 1 ? elements(shape) / shape[0] : 1;
  const float spread = shape.size() > 1 ? std::sqrt(3.0F / static_cast<float>(fan_in)) : 0.1F;
  std::vector<float> values(static_cast<std::size_t>(elements(shape)));
  for (auto& value : values) {
    const float unit = static_cast<float>(random() >> 8) / static_cast<float>(1 << 23) - 1;
    value = (around_one ? 1 : 0) + spread * unit;
  }
  return values;
}

nlohmann::json config_of(const RandomCheckpoint& model) {
  nlohmann::json vision = {{"image_size", model.image_size}, {"width", model.vision_width}};
  if (model.vision_layers == 0) {
    vision["layers"] = kResNetBlocks;
  } else {
    vision["layers"] = model.vision_layers;
    vision["patch_size"] = model.patch_size;
  }
  const nlohmann::json text = {{"context_length", kContext},
                               {"vocab_size", kVocabulary},
                               {"width", model.text_width},
                               {"heads", model.text_width / 64},
                               {"layers", model.text_layers}};
  return {{"model_cfg", {{"embed_dim", model.embedding_dimension}, {"quick_gelu", true}, {"vision_cfg", vision}, {"text_cfg", text}}},
          {"preprocess_cfg", nlohmann::json::object()}};
}

}  // namespace

RandomCheckpoint vit_b_32() { return {.name = "ViT-B-32", .gflop_image = 8.82}; }

RandomCheckpoint vit_l_14() {
  return {.name = "ViT-L-14",
          .embedding_dimension = 768,
          .vision_width = 1024,
          .vision_layers = 24,
          .patch_size = 14,
          .text_width = 768,
          .gflop_image = 162.03};
}

RandomCheckpoint rn50() {
  return {.name = "RN50", .embedding_dimension = 1024, .vision_width = 64, .vision_layers = 0, .gflop_image = 12.22};
}

double gflop_text(const RandomCheckpoint& model, int tokens) {
  const double width = model.text_width;
  const double block = tokens * 12 * width * width + 2.0 * tokens * tokens * width;
  return 2 * (model.text_layers * block + width * model.embedding_dimension) / 1e9;
}

std::uintmax_t write_random_checkpoint(const RandomCheckpoint& model, const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "open_clip_config.json") << config_of(model).dump(1);
  const auto* vocabulary = "bpe_simple_vocab_16e6.txt.gz";
  std::filesystem::copy_file(std::filesystem::path(CLIPDEX_SOURCE_DIR) / "tests/data" / vocabulary, directory / vocabulary,
                             std::filesystem::copy_options::overwrite_existing);
  const auto tensors = tensors_of(model);
  nlohmann::json header = nlohmann::json::object();
  std::int64_t offset = 0;
  for (const auto& [name, shape] : tensors.all) {
    const std::int64_t end = offset + elements(shape) * static_cast<std::int64_t>(sizeof(float));
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  const auto file = directory / "open_clip_model.safetensors";
  std::ofstream out(file, std::ios::binary);
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = text.size();
  out.write(reinterpret_cast<const char*>(&size), sizeof size) << text;
  std::mt19937 random(1);
  for (const auto& [name, shape] : tensors.all) {
    const auto values = random_values(name, shape, random);
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  }
  out.close();
  if (!out) throw std::runtime_error("cannot write " + file.string() + ": is the disk full?");
  return std::filesystem::file_size(file);
}

}  // namespace clipdex::benchmarks
