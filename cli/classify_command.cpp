#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/device_options.h"
#include "cli/input_files.h"
#include "cli/json_line.h"
#include "cli/model_location.h"
#include "cli/picture.h"
#include "cli/table.h"
#include "datasets/picture_names.h"
#include "engine/classification.h"
#include "engine/image_preparation.h"
#include "http/client.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct ClassifyOptions {
  std::vector<std::string> paths;
  std::string model, server, labels_file, template_set;
  std::vector<std::string> lists, labels, templates;
  DeviceOptions device;
  std::size_t top = 0;
  bool exact_decode = false, json = false;
};

engine::LabelSet label_set(const ClassifyOptions& options) {
  engine::LabelSet set;
  const auto append = [&](const std::string& text, char separator) {
    for (auto& label : engine::split_labels(text, separator)) set.labels.push_back(std::move(label));
  };
  for (const auto& list : options.lists) append(list, ',');
  set.labels.insert(set.labels.end(), options.labels.begin(), options.labels.end());
  if (!options.labels_file.empty()) {
    constexpr std::size_t kBytesMax = std::size_t{64} << 20;
    ReadError error;
    const auto text = read_file(options.labels_file, kBytesMax, error);
    if (!text) throw std::invalid_argument("cannot read the labels in " + options.labels_file + ": " + error.message);
    append(*text, '\n');
  }
  if (set.labels.empty()) throw std::invalid_argument("there are no labels: name --labels, --label or --labels-file");
  if (!options.templates.empty() && !options.template_set.empty())
    throw std::invalid_argument("--template and --templates exclude each other: name one of them");
  set.templates = !options.templates.empty()
                      ? options.templates
                      : engine::named_templates(options.template_set.empty() ? engine::kDefaultTemplates : options.template_set);
  engine::check_label_set(set);
  return set;
}

// The pictures of one call in order, and how many of them failed.
class Classify {
 public:
  explicit Classify(const ClassifyOptions& options) : options_(options), set_(label_set(options)) {}

  int run() {
    const auto files = collect_inputs(options_.paths);
    if (files.empty())
      throw std::invalid_argument("there is no picture in what was named: " + datasets::picture_extensions() +
                                  " are looked for in folders");
    if (options_.server.empty()) {
      classify_here(files);
    } else {
      classify_there(files);
    }
    if (failed_ == files.size()) return kFailure;
    return failed_ > 0 ? kPartlyDone : kSuccess;
  }

 private:
  void print(const InputFile& file, const std::vector<engine::LabelProbability>& labels) {
    const auto name = as_text(file.path.string());
    if (options_.json) {
      std::cout << R"({"input":)" << nlohmann::json(name).dump() << R"(,"labels":)" << http::to_json_text(labels) << "}\n";
      return;
    }
    constexpr std::size_t kNameColumns = 200, kLabelColumns = 80;
    std::cout << printable(name, kNameColumns) << '\n';
    std::vector<std::vector<std::string>> rows;
    rows.reserve(labels.size());
    for (const auto& label : labels) {
      char probability[16], score[16];
      std::snprintf(probability, sizeof probability, "%.2f %%", 100 * label.probability);
      std::snprintf(score, sizeof score, "%.3f", static_cast<double>(label.score));
      rows.push_back({probability, score, printable(label.label, kLabelColumns)});
    }
    print_table(std::cout, {"probability", "score", "label"}, rows);
  }

  void fail(const InputFile& file, const std::string& code, const std::string& message) {
    ++failed_;
    const auto name = as_text(file.path.string());
    if (options_.json) std::cout << json_line({{"input", name}, {"error", {{"code", code}, {"message", message}}}});
    std::cout.flush();
    constexpr std::size_t kColumnsMax = 1000;
    std::fprintf(stderr, "failed: %s\n", printable(name + ": " + message, kColumnsMax).c_str());
  }

  static std::optional<std::string> read(const InputFile& file, ReadError& error) {
    error.message = file.error;
    return file.error.empty() ? read_file(file.path, engine::ImageLimits{}.bytes_max, error) : std::nullopt;
  }

  void classify_here(const std::vector<InputFile>& files) {
    const auto encoder = std::make_shared<const engine::ClipEncoder>(
        options_.model.empty() ? default_model() : std::filesystem::path(options_.model), options_.device.encoder());
    const engine::LabelClassifier classifier(*encoder, set_);
    engine::Metrics metrics;
    const engine::ImagePreparation preparation(encoder, {.limits = {}, .exact_decode = options_.exact_decode}, metrics);
    constexpr std::size_t kBatchBytes = std::size_t{128} << 20, kBatchFiles = 64;
    std::vector<const InputFile*> batch;
    std::vector<std::string> contents;
    std::size_t bytes = 0;
    const auto flush = [&] {
      std::vector<const std::string*> pointers;
      pointers.reserve(contents.size());
      for (const auto& content : contents) pointers.push_back(&content);
      const auto prepared = preparation.prepare(pointers, /*thumbnails=*/false);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (prepared[i].error.empty()) {
          print(*batch[i], classifier.classify(prepared[i].embedding, options_.top));
        } else {
          fail(*batch[i], prepared[i].error_code, prepared[i].error);
        }
      }
      std::cout.flush();
      batch.clear();
      contents.clear();
      bytes = 0;
    };
    for (const auto& file : files) {
      ReadError error;
      auto content = read(file, error);
      if (!content) {
        flush();  // results come in order
        fail(file, error.code(), error.message);
        continue;
      }
      bytes += content->size();
      batch.push_back(&file);
      contents.push_back(std::move(*content));
      if (batch.size() == kBatchFiles || bytes > kBatchBytes) flush();
    }
    flush();
  }

  void classify_there(const std::vector<InputFile>& files) {
    http::Client client(options_.server);
    for (const auto& file : files) {
      ReadError unread;
      const auto content = read(file, unread);
      if (!content) {
        fail(file, unread.code(), unread.message);
        continue;
      }
      try {
        print(file, client.classify(*content, set_, options_.top).labels);
      } catch (const http::ClientError& error) {
        const auto& code = error.code();
        if (!code.ends_with("_image") && code != "image_too_large" && code != "body_too_large") throw;
        fail(file, code, error.what());
      }
      std::cout.flush();
    }
  }

  const ClassifyOptions& options_;
  engine::LabelSet set_;
  std::size_t failed_ = 0;
};

CLI::Option* add_list(CLI::App& command, const std::string& name, std::vector<std::string>& values, const std::string& what) {
  return command.add_option(name, values, what)
      ->check(check_text)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void add_classify_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("classify", "Tell which of your labels each picture goes with (zero-shot)");
  auto options = std::make_shared<ClassifyOptions>();
  command->add_option("paths", options->paths, "Pictures, and folders with all that is in them")->required()->check(check_not_empty);
  add_list(*command, "--labels", options->lists, "Labels with commas between them");
  add_list(*command, "--label", options->labels, "One label, which may have commas; repeat it for more");
  command->add_option("--labels-file", options->labels_file, "A file with one label a line")->check(check_not_empty);
  add_list(*command, "--template", options->templates, "A sentence with {} where the label goes; of several the embeddings are averaged");
  command->add_option("--templates", options->template_set,
                      "A set of templates: photo (\"a photo of a {}.\", the default), plain (the label alone), openai-7, openai-80");
  command->add_option("--top", options->top, "Labels to print, the most probable first (default: all)")
      ->check(CLI::Range(std::size_t{1}, engine::kPromptsMax));
  auto* model = command->add_option("--model", options->model, "Model directory (default: CLIPDEX_MODEL, else the built-in model)");
  add_device_options(*command, options->device);
  auto* exact_decode = command->add_flag("--exact-decode", options->exact_decode, kExactDecodeHelp);
  command->add_option("--server", options->server, "Address of a running clipdex, whose model and way of decoding are used instead")
      ->check(check_address)
      ->excludes(model)
      ->excludes(exact_decode);
  command->add_flag("--json", options->json, "One JSON line a picture on stdout");
  command->footer(
      "The probabilities of all labels sum to 1; the score is the cosine. A picture that cannot be read is reported and skipped.\n"
      "Examples:\n  clipdex classify cat.jpg --labels cat,dog,bird\n  clipdex classify ~/Pictures --labels-file classes.txt --templates "
      "openai-7 --top 3 --json\n  clipdex classify photo.jpg --label indoors --label outdoors --template \"a photo taken {}\"");
  command->callback([options, &action] { action = [options] { return Classify(*options).run(); }; });
}

}  // namespace clipdex::cli
