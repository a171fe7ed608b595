#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/numpy_file.h"
#include "cli/picture.h"
#include "engine/model.h"

namespace clipdex::cli {
namespace {

using nlohmann::json;

struct ModelOptions {
  std::string model, image, out, dtype;
  std::vector<std::string> texts;
  bool json = false, force = false;
};

json vision_facts(const engine::ClipConfig& config) {
  const auto& vision = config.vision;
  const bool resnet = vision.kind == engine::VisionKind::kResNet;
  json facts = {{"kind", resnet ? "ModifiedResNet" : "VisionTransformer"},
                {"image_size", vision.image_size},
                {"width", vision.width},
                {"heads", vision.heads}};
  if (resnet) {
    constexpr int kFeaturesPerWidth = 32;
    facts["layers"] = vision.stage_blocks;
    facts["head_width"] = vision.width * kFeaturesPerWidth / vision.heads;
    facts["pooling"] = "attention";
    facts["activation"] = "relu";
    return facts;
  }
  facts["layers"] = vision.layers;
  facts["head_width"] = vision.width / vision.heads;
  facts["patch_size"] = vision.patch_size;
  facts["mlp_width"] = vision.mlp_width;
  facts["pooling"] = "class token";
  facts["activation"] = engine::activation_name(vision.activation);
  return facts;
}

json text_facts(const engine::ClipConfig& config) {
  const auto& text = config.text;
  return {{"context_length", text.context_length},
          {"vocabulary_size", text.vocabulary_size},
          {"width", text.width},
          {"heads", text.heads},
          {"head_width", text.width / text.heads},
          {"layers", text.layers},
          {"mlp_width", text.mlp_width},
          {"activation", engine::activation_name(text.activation)},
          {"pooling", text.end_token < 0 ? "first highest id" : "first token " + std::to_string(text.end_token)}};
}

json facts(const engine::InspectedModel& model) {
  const auto& info = model.info;
  const auto& config = model.directory.config;
  const auto& preprocessing = model.directory.preprocessing;
  json tokenizer = nullptr;
  if (model.tokenizer) {
    tokenizer = {{"kind", "byte-level BPE"},
                 {"cleaning", model.tokenizer->cleaning() == engine::TextCleaning::kOpenAi ? "openai" : "tokenizer.json"},
                 {"vocabulary", model.tokenizer->vocabulary_size()},
                 {"start", model.tokenizer->start_token()},
                 {"end", model.tokenizer->end_token()}};
  }
  json files = json::array();
  for (const auto& [name, bytes] : info.files) files.push_back({{"name", name}, {"bytes", bytes}});
  return {{"name", info.name},
          {"architecture", info.architecture},
          {"layout", info.layout},
          {"container", info.container},
          {"weights", info.weights_file},
          {"files", files},
          {"dtype", info.dtype},
          {"tensors", info.tensors},
          {"parameters", info.parameters},
          {"parameters_visual", info.visual_parameters},
          {"parameters_text", info.parameters - info.visual_parameters},
          {"embedding_dimension", config.embedding_dimension},
          {"logit_scale", info.logit_scale},
          {"vision", vision_facts(config)},
          {"text", text_facts(config)},
          {"tokenizer", tokenizer},
          {"preprocessing",
           {{"size", {preprocessing.height, preprocessing.width}},
            {"mean", preprocessing.mean},
            {"std", preprocessing.std},
            {"exact", engine::describe(preprocessing)}}},
          {"training_run", info.training_run ? json(*info.training_run) : json(nullptr)},
          {"assumption", info.assumption.empty() ? json(nullptr) : json(info.assumption)},
          {"fingerprint", info.fingerprint}};
}

// Floats as they were written, not as the doubles that they are.
std::string short_number(const json& value) {
  if (!value.is_number_float()) return value.dump();  // no string: for_people() shows those
  char text[32];
  std::snprintf(text, sizeof text, "%.8g", value.get<double>());
  return text;
}

// A line each; parts of an object or a list behind each other.
std::string for_people(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "none";
  if (!value.is_structured()) return short_number(value);
  std::string line;
  for (const auto& [key, part] : value.items()) {
    if (!line.empty()) line += value.is_object() ? ", " : " ";
    line += (value.is_object() ? key + " " : "") + for_people(part);
  }
  return line;
}

int inspect(const ModelOptions& options) {
  auto all = facts(engine::inspect_model(options.model));
  if (options.json) {
    std::cout << json_line(all);
    return kSuccess;
  }
  json files = json::array();
  for (const auto& file : all["files"]) files.push_back(file["name"].get<std::string>() + " (" + file["bytes"].dump() + " bytes)");
  all["files"] = std::move(files);
  all["preprocessing"].erase("exact");  // for programs
  static constexpr const char* kOrder[] = {"name",
                                           "architecture",
                                           "layout",
                                           "container",
                                           "weights",
                                           "files",
                                           "dtype",
                                           "tensors",
                                           "training_run",
                                           "parameters",
                                           "parameters_visual",
                                           "parameters_text",
                                           "vision",
                                           "text",
                                           "embedding_dimension",
                                           "logit_scale",
                                           "tokenizer",
                                           "preprocessing",
                                           "fingerprint"};
  for (const auto* name : kOrder) std::cout << name << ": " << for_people(all.at(name)) << '\n';
  if (const auto& assumption = all.at("assumption"); assumption.is_string()) std::cout << "note: " << assumption.get<std::string>() << '\n';
  return kSuccess;
}

// Every half second where somebody watches, or from some size on.
class ConversionProgress {
 public:
  void operator()(std::uint64_t bytes, std::uint64_t total) {
    constexpr std::uint64_t kWorthTelling = 256U << 20;
    constexpr auto kInterval = std::chrono::milliseconds(500);
    const auto now = std::chrono::steady_clock::now();
    if (total < kWorthTelling || (bytes < total && now - told_ < kInterval)) return;
    told_ = now;
    std::fprintf(stderr, "%s%llu of %llu MB%s", terminal_ ? "\r" : "", static_cast<unsigned long long>(bytes / 1'000'000),
                 static_cast<unsigned long long>(total / 1'000'000), !terminal_ || bytes >= total ? "\n" : "");
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::chrono::steady_clock::time_point told_;
};

int convert(const ModelOptions& options) {
  engine::ConversionOptions conversion{.replace = options.force, .progress = ConversionProgress()};
  if (options.dtype == "fp32") conversion.type = engine::TensorType::kF32;
  if (options.dtype == "fp16") conversion.type = engine::TensorType::kF16;
  if (options.dtype == "bf16") conversion.type = engine::TensorType::kBf16;
  const auto made = engine::convert_model(options.model, options.out, conversion);
  if (!made.reason.empty()) std::fprintf(stderr, "%s: this is an open_clip directory\n", made.reason.c_str());
  if (options.json) {
    std::cout << json_line({{"out", options.out}, {"layout", made.layout}, {"weights", made.weights_file}, {"bytes", made.bytes}});
  } else {
    std::fprintf(stderr, "%s: %s, %s of %llu bytes\n", options.out.c_str(), made.layout.c_str(), made.weights_file.c_str(),
                 static_cast<unsigned long long>(made.bytes));
  }
  return kSuccess;
}

// A checkpoint's tokenizer lies beside it.
std::filesystem::path tokenizer_location(const std::filesystem::path& model) {
  if (!engine::is_checkpoint(model)) return model;
  return model.has_parent_path() ? model.parent_path() : ".";
}

int tokenize(const ModelOptions& options) {
  const auto tokenizer = engine::Tokenizer::open(tokenizer_location(options.model));
  for (const auto& text : options.texts) {
    const auto ids = tokenizer.encode(text);
    if (options.json) {
      std::cout << json_line({{"text", text}, {"ids", ids}});
    } else {
      for (std::size_t i = 0; i < ids.size(); ++i) std::cout << (i == 0 ? "" : " ") << ids[i];
      std::cout << '\n';
    }
  }
  return kSuccess;
}

int preprocess(const ModelOptions& options) {
  const auto preprocessing = engine::open_model(options.model).directory.preprocessing;
  const auto image = read_picture(options.image);
  const auto pixels = engine::preprocess(image, preprocessing);
  const std::size_t shape[] = {1, 3, static_cast<std::size_t>(preprocessing.height), static_cast<std::size_t>(preprocessing.width)};
  write_numpy(options.out, shape, pixels);
  std::fprintf(stderr, "%s: float32 [1, 3, %zu, %zu]\n", options.out.c_str(), shape[2], shape[3]);
  return kSuccess;
}

}  // namespace

void add_model_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("model", "Look into a model: what it is, its tokens, its pixels; convert it");
  command->require_subcommand(0, 1);
  const auto add = [&](const std::string& name, const std::string& what, int (*run)(const ModelOptions&)) {
    auto* part = command->add_subcommand(name, what);
    auto options = std::make_shared<ModelOptions>();
    part->add_option("model", options->model,
                     name == "tokenize" ? "Model directory, a checkpoint with its tokenizer beside it, or a tokenizer file "
                                          "(bpe_simple_vocab_16e6.txt.gz, tokenizer.json)"
                                        : "Model directory, or a checkpoint (.safetensors, .pt, .pth, .bin)")
        ->required();
    part->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
    return std::pair(part, options);
  };
  const auto [inspecting, inspected] =
      add("inspect", "Container, architecture, dimensions, tokenizer, preprocessing, fingerprint", inspect);
  inspecting->add_flag("--json", inspected->json, "As one JSON line");
  inspecting->footer("Example:\n  clipdex model inspect models/emoji-clip --json");
  const auto [tokenizing, tokenized] = add("tokenize", "Token ids of texts, a line each", tokenize);
  tokenizing->add_option("texts", tokenized->texts, "Texts (behind -- if one begins with -)")->required();
  tokenizing->add_flag("--json", tokenized->json, "As JSON lines");
  tokenizing->footer("Example:\n  clipdex model tokenize models/emoji-clip --json -- \"a red apple\"");
  const auto [preprocessing, preprocessed] =
      add("preprocess", "The pixel tensor of a picture, as the model gets it; decoding is always exact here", preprocess);
  preprocessing->add_option("image", preprocessed->image, "Picture")->required();
  preprocessing->add_option("--out", preprocessed->out, "Where to write it: float32 [1,3,H,W] as .npy")->required();
  preprocessing->footer("Example:\n  clipdex model preprocess models/emoji-clip apple.jpg --out apple.npy");
  const auto [converting, converted] = add("convert", "Any readable model as a Hugging Face directory with safetensors", convert);
  converting->add_option("out", converted->out, "Directory to make (open_clip's layout for ResNets, which Hugging Face has none of)")
      ->required();
  converting
      ->add_option("--dtype", converted->dtype,
                   "Type of the matrices; normalisation, embeddings and statistics are then fp32 (default: every tensor keeps its type)")
      ->check(CLI::IsMember({"fp32", "fp16", "bf16"}));
  converting->add_flag("--force", converted->force, "Replace a model's directory that is there already");
  converting->add_flag("--json", converted->json, "What was made as one JSON line");
  converting->footer("Example:\n  clipdex model convert ViT-B-32.pt vit-b-32 --dtype fp16");
  command->footer(
      "Examples:\n  clipdex model inspect models/emoji-clip --json\n  clipdex model tokenize models/emoji-clip --json -- \"a red apple\"\n"
      "  clipdex model preprocess models/emoji-clip apple.jpg --out apple.npy\n"
      "  clipdex model convert ViT-B-32.pt vit-b-32 --dtype fp16");
}

}  // namespace clipdex::cli
