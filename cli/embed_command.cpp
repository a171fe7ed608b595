#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/command.h"
#include "cli/device_options.h"
#include "cli/model_location.h"
#include "cli/numpy_file.h"
#include "cli/picture.h"
#include "engine/model.h"

namespace clipdex::cli {
namespace {

struct EmbedOptions {
  std::string model;
  // (kind of option, value), in the order of the command line.
  std::vector<std::pair<std::string, std::string>> inputs;
  DeviceOptions device;
  bool raw = false, exact_decode = false, json = false;
};

void print(const std::string& input, const char* kind, std::span<const float> embedding) {
  std::cout << R"({"input":)" << nlohmann::json(input).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << R"(,"kind":")"
            << kind << R"(","embedding":[)";
  for (std::size_t i = 0; i < embedding.size(); ++i) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, embedding[i]).ptr;  // the shortest that reads back equal
    std::cout << (i == 0 ? "" : ",") << std::string_view(text, static_cast<std::size_t>(end - text));
  }
  std::cout << "]}\n";
}

void print_all(const std::string& input, const char* kind, const engine::Embeddings& embeddings) {
  for (std::size_t i = 0; i < embeddings.count; ++i) print(input, kind, embeddings.row(i));
}

std::vector<std::int32_t> parse_ids(const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const char *at = text.data(), *end = at + text.size(); at <= end;) {
    std::int32_t id = 0;
    const auto [after, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (after != end && *after != ','))
      throw std::invalid_argument("--token-ids takes whole numbers with commas between them, not \"" + text + "\"");
    ids.push_back(id);
    at = after + 1;
  }
  return ids;
}

engine::Embeddings embed_pixels(const engine::ClipEncoder& encoder, const std::string& file, bool normalize) {
  auto array = read_numpy(file);
  if (array.shape.size() == 3) array.shape.insert(array.shape.begin(), 1);
  const auto& expected = encoder.preprocessing();
  if (array.shape.size() != 4 || array.shape[1] != 3 || array.shape[2] != static_cast<std::size_t>(expected.height) ||
      array.shape[3] != static_cast<std::size_t>(expected.width)) {
    throw std::invalid_argument(file + " is not of the shape [n, 3, " + std::to_string(expected.height) + ", " +
                                std::to_string(expected.width) + "]");
  }
  return encoder.encode_pixels(array.values, array.shape[0], normalize);
}

int embed(const EmbedOptions& options) {
  if (options.inputs.empty()) throw std::invalid_argument("nothing to embed: name --text, --image, --token-ids or --pixels");
  const engine::ClipEncoder encoder(options.model.empty() ? default_model() : std::filesystem::path(options.model),
                                    options.device.encoder());
  const bool normalize = !options.raw;
  const auto decoding = options.exact_decode ? engine::DecodeOptions{} : engine::reduced_decoding(encoder.preprocessing());
  for (const auto& [kind, value] : options.inputs) {
    if (kind == "--text") {
      print_all(value, "text", encoder.encode_texts(std::vector<std::string>{value}, normalize));
    } else if (kind == "--token-ids") {
      print_all(value, "text", encoder.encode_tokens(std::vector<std::vector<std::int32_t>>{parse_ids(value)}, normalize));
    } else if (kind == "--image") {
      print_all(value, "image", encoder.encode_images(std::vector<engine::Image>{read_picture(value, decoding)}, normalize));
    } else {
      print_all(value, "image", embed_pixels(encoder, value, normalize));
    }
  }
  return kSuccess;
}

}  // namespace

void add_embed_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("embed", "Print the embeddings of texts and pictures, a JSON line each, in the order given");
  auto options = std::make_shared<EmbedOptions>();
  command->add_option("--model", options->model, "Model directory (default: CLIPDEX_MODEL, else the built-in model)");
  add_device_options(*command, options->device);
  for (const auto& [name, what] : std::map<std::string, std::string>{
           {"--text", "A text"},
           {"--image", "A picture's file"},
           {"--token-ids", "Token ids with start and end, such as 49406,320,2368,49407: bypasses the tokenizer"},
           {"--pixels", "float32 [n,3,H,W] as .npy, normalised: bypasses preprocessing"}}) {
    command->add_option(name, what)
        ->type_name("TEXT")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  command->add_flag("--raw", options->raw, "Leave the vectors as the projection makes them, not of unit length");
  command->add_flag("--exact-decode", options->exact_decode, kExactDecodeHelp);
  command->add_flag("--json", options->json, "JSON lines, which is what there is");
  command->footer(
      "Examples:\n  clipdex embed --text \"a red apple\" --image apple.jpg --json\n  clipdex embed --model ~/models/clip --raw --pixels "
      "batch.npy");
  command->callback([command, options, &action] {
    std::map<const CLI::Option*, std::size_t> seen;
    for (const auto* option : command->parse_order()) {
      const auto name = option->get_name();
      if (name != "--text" && name != "--image" && name != "--token-ids" && name != "--pixels") continue;
      options->inputs.emplace_back(name, option->results().at(seen[option]++));
    }
    action = [options] { return embed(*options); };
  });
}

}  // namespace clipdex::cli
