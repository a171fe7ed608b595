#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/command.h"
#include "cli/numpy_file.h"
#include "cli/picture.h"
#include "engine/model.h"

namespace clipdex::cli {
namespace {

using nlohmann::json;

struct ModelOptions {
  std::string model, image, out;
  std::vector<std::string> texts;
  bool json = false;
};

json facts(const engine::ClipEncoder& encoder) {
  const auto& info = encoder.info();
  const auto& config = encoder.config();
  const auto& preprocessing = encoder.preprocessing();
  const bool resnet = config.vision.kind == engine::VisionKind::kResNet;
  json tokenizer = nullptr;
  if (encoder.tokenizer() != nullptr) {
    tokenizer = {{"kind", "byte-level BPE"},
                 {"cleaning", encoder.tokenizer()->cleaning() == engine::TextCleaning::kOpenAi ? "openai" : "tokenizer.json"},
                 {"vocabulary", encoder.tokenizer()->vocabulary_size()},
                 {"start", encoder.tokenizer()->start_token()},
                 {"end", encoder.tokenizer()->end_token()}};
  }
  return {{"name", info.name},
          {"architecture", info.architecture},
          {"layout", info.layout},
          {"weights", info.weights_file},
          {"dtype", info.dtype},
          {"parameters", info.parameters},
          {"embedding_dimension", encoder.dimension()},
          {"logit_scale", info.logit_scale},
          {"vision",
           {{"kind", resnet ? "ModifiedResNet" : "VisionTransformer"},
            {"image_size", config.vision.image_size},
            {"width", config.vision.width},
            {"heads", config.vision.heads}}},
          {"text",
           {{"context_length", config.text.context_length},
            {"vocabulary_size", config.text.vocabulary_size},
            {"width", config.text.width},
            {"heads", config.text.heads},
            {"layers", config.text.layers}}},
          {"tokenizer", tokenizer},
          {"preprocessing",
           {{"size", {preprocessing.height, preprocessing.width}},
            {"mean", preprocessing.mean},
            {"std", preprocessing.std},
            {"exact", engine::describe(preprocessing)}}},
          {"fingerprint", info.fingerprint}};
}

int inspect(const ModelOptions& options) {
  const auto all = facts(engine::ClipEncoder(options.model));
  if (options.json) {
    std::cout << all.dump() << '\n';
    return kSuccess;
  }
  for (const auto& [name, value] : all.items())
    std::cout << name << ": " << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
  return kSuccess;
}

int tokenize(const ModelOptions& options) {
  const auto tokenizer = engine::Tokenizer::open(options.model);
  for (const auto& text : options.texts) {
    const auto ids = tokenizer.encode(text);
    if (options.json) {
      std::cout << json{{"text", text}, {"ids", ids}}.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
    } else {
      for (std::size_t i = 0; i < ids.size(); ++i) std::cout << (i == 0 ? "" : " ") << ids[i];
      std::cout << '\n';
    }
  }
  return kSuccess;
}

int preprocess(const ModelOptions& options) {
  const engine::ClipEncoder encoder(options.model);
  const auto image = read_picture(options.image);
  const auto pixels = engine::preprocess(image, encoder.preprocessing());
  const std::size_t shape[] = {1, 3, static_cast<std::size_t>(encoder.preprocessing().height),
                               static_cast<std::size_t>(encoder.preprocessing().width)};
  write_numpy(options.out, shape, pixels);
  std::fprintf(stderr, "%s: float32 [1, 3, %zu, %zu]\n", options.out.c_str(), shape[2], shape[3]);
  return kSuccess;
}

}  // namespace

void add_model_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("model", "Look into a model: what it is, its tokens, its pixels");
  command->require_subcommand(0, 1);
  const auto add = [&](const std::string& name, const std::string& what, int (*run)(const ModelOptions&)) {
    auto* part = command->add_subcommand(name, what);
    auto options = std::make_shared<ModelOptions>();
    part->add_option(
            "model", options->model,
            name == "tokenize" ? "Model directory, or a tokenizer file (bpe_simple_vocab_16e6.txt.gz, tokenizer.json)" : "Model directory")
        ->required();
    part->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
    return std::pair(part, options);
  };
  const auto [inspecting, inspected] = add("inspect", "Architecture, dimensions, tokenizer, preprocessing, fingerprint", inspect);
  inspecting->add_flag("--json", inspected->json, "As one JSON line");
  inspecting->footer("Example:\n  clipdex model inspect models/emoji-clip --json");
  const auto [tokenizing, tokenized] = add("tokenize", "Token ids of texts, a line each", tokenize);
  tokenizing->add_option("texts", tokenized->texts, "Texts (behind -- if one begins with -)")->required();
  tokenizing->add_flag("--json", tokenized->json, "As JSON lines");
  tokenizing->footer("Example:\n  clipdex model tokenize models/emoji-clip --json -- \"a red apple\"");
  const auto [preprocessing, preprocessed] = add("preprocess", "The pixel tensor of a picture, as the model gets it; decoding is always exact here", preprocess);
  preprocessing->add_option("image", preprocessed->image, "Picture")->required();
  preprocessing->add_option("--out", preprocessed->out, "Where to write it: float32 [1,3,H,W] as .npy")->required();
  preprocessing->footer("Example:\n  clipdex model preprocess models/emoji-clip apple.jpg --out apple.npy");
  command->footer(
      "Examples:\n  clipdex model inspect models/emoji-clip --json\n  clipdex model tokenize models/emoji-clip --json -- \"a red apple\"\n"
      "  clipdex model preprocess models/emoji-clip apple.jpg --out apple.npy");
}

}  // namespace clipdex::cli
