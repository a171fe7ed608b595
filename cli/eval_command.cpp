#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/dataset_options.h"
#include "cli/device_options.h"
#include "cli/input_files.h"
#include "cli/json_line.h"
#include "cli/model_location.h"
#include "cli/progress.h"
#include "cli/recall_json.h"
#include "cli/table.h"
#include "engine/evaluation.h"

namespace clipdex::cli {
namespace {

using nlohmann::json;

struct EvalOptions {
  std::vector<std::string> words;
  datasets::DatasetOptions data;
  std::string model, classes_file, template_set{engine::kDefaultTemplates};
  DeviceOptions device;
  std::size_t captions = 5;
  bool json = false;
};

std::string percent(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

// The model and the progress of one evaluation.
class Evaluation {
 public:
  explicit Evaluation(const EvalOptions& options)
      : dataset(datasets::Dataset::open(options.words, options.data)),
        encoder(options.model.empty() ? default_model() : std::filesystem::path(options.model), options.device.encoder()),
        progress_("evaluating images", std::nullopt) {
    events.progress = [this](std::size_t images) { progress_.advance(images); };
    events.bad_sample = [this](const std::string& where, const std::string& why) {
      constexpr std::size_t kColumnsMax = 1000;
      progress_.message("failed: " + printable(where + ": " + why, kColumnsMax));
    };
  }

  datasets::Dataset dataset;
  engine::ClipEncoder encoder;
  engine::EvaluationEvents events;

 private:
  Progress progress_;
};

int retrieval(const EvalOptions& options) {
  std::optional<Evaluation> evaluation(std::in_place, options);
  const auto result = engine::evaluate_retrieval(evaluation->encoder, evaluation->dataset, options.captions, evaluation->events);
  evaluation.reset();
  const auto& recalls = result.recalls;
  if (options.json) {
    auto line = recall_json(recalls);
    line["failed"] = result.failed;
    std::cout << json_line(line);
  } else {
    const auto row = [](const char* name, const std::array<double, 3>& values) {
      return std::vector<std::string>{name, percent(values[0]), percent(values[1]), percent(values[2])};
    };
    std::cout << recalls.images << " images, " << recalls.captions << " captions\n";
    print_table(std::cout, {"percent", "R@1", "R@5", "R@10"},
                {row("text to image", recalls.text_to_image), row("image to text", recalls.image_to_text)});
  }
  return result.failed > 0 ? kPartlyDone : kSuccess;
}

engine::LabelSet label_set(const EvalOptions& options, const datasets::Dataset& dataset) {
  engine::LabelSet set{.labels = {}, .templates = engine::named_templates(options.template_set)};
  if (options.classes_file.empty()) {
    set.labels = engine::labels_of(dataset);
    if (set.labels.empty())
      throw std::invalid_argument("the data has no labels: tables need a column \"label\" or --label-column, tars KEY.cls");
  } else {
    constexpr std::size_t kBytesMax = std::size_t{64} << 20;
    ReadError error;
    const auto text = read_file(options.classes_file, kBytesMax, error);
    if (!text) throw std::invalid_argument("cannot read the classes in " + options.classes_file + ": " + error.message);
    set.labels = engine::split_labels(*text, '\n');
    // Labels may be numbers of lines: one that is left out would shift all behind it.
    const auto end = text->find_last_not_of(" \t\r\n");
    const auto lines = end == std::string::npos ? 0 : 1 + std::count(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(end), '\n');
    if (static_cast<std::size_t>(lines) != set.labels.size())
      throw std::invalid_argument(options.classes_file +
                                  " has an empty line between its classes: their numbers would be others than meant");
  }
  return set;
}

int zero_shot(const EvalOptions& options) {
  std::optional<Evaluation> evaluation(std::in_place, options);
  const auto set = label_set(options, evaluation->dataset);
  const auto result = engine::evaluate_zero_shot(evaluation->encoder, evaluation->dataset, set, evaluation->events);
  evaluation.reset();
  if (options.json) {
    json classes = json::array();
    for (const auto& one : result.classes) classes.push_back({{"label", one.label}, {"images", one.images}, {"correct", one.correct}});
    std::cout << json_line({{"images", result.images},
                            {"failed", result.failed},
                            {"top1", result.top1},
                            {"top5", result.top5},
                            {"mean_per_class", result.mean_per_class},
                            {"classes", classes}});
  } else {
    std::cout << result.images << " images, " << set.labels.size() << " classes, " << set.templates.size() << " templates\n";
    print_table(std::cout, {"percent", "top 1", "top 5", "mean per class"},
                {{"zero-shot", percent(result.top1), percent(result.top5), percent(result.mean_per_class)}});
  }
  return result.failed > 0 ? kPartlyDone : kSuccess;
}

CLI::App* add_measure(CLI::App& command, const char* name, const char* what, EvalOptions& options) {
  auto* measure = command.add_subcommand(name, what);
  measure->add_option("data", options.words, std::string("Data: ") + kDatasetHelp)->required()->check(check_not_empty);
  measure->add_option("--model", options.model, "Model directory or checkpoint (default: CLIPDEX_MODEL, else the built-in model)");
  add_device_options(*measure, options.device);
  add_dataset_options(*measure, options.data);
  measure->add_flag("--json", options.json, "One JSON line on stdout");
  return measure;
}

}  // namespace

void add_eval_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("eval", "Measure a model on pictures with captions or classes");
  command->require_subcommand(1);
  command->footer("Example:\n  clipdex eval retrieval captions_val2017.json --images val2017 --model ~/clip-vit-base-patch32");
  auto options = std::make_shared<EvalOptions>();
  auto* of_retrieval = add_measure(*command, "retrieval", "Recall at 1, 5 and 10, text to image and image to text", *options);
  of_retrieval->add_option("--captions", options->captions, "Captions of a picture that count, the first ones; 0: all")
      ->capture_default_str();
  of_retrieval->footer("Example:\n  clipdex eval retrieval captions_val2017.json --images val2017 --model ~/clip-vit-base-patch32");
  of_retrieval->callback([options, &action] { action = [options] { return retrieval(*options); }; });
  auto* of_zero_shot = add_measure(*command, "zero-shot", "Accuracy of classification by the classes' names alone", *options);
  of_zero_shot->add_option("--classes", options->classes_file, "A file with a class's name a line, where labels are numbers")
      ->check(check_not_empty);
  of_zero_shot->add_option("--templates", options->template_set, "photo, plain, openai-7 or openai-80")->capture_default_str();
  of_zero_shot->footer(
      "Example:\n  clipdex eval zero-shot imagenet-val.tar --classes classes.txt --templates openai-80 --model ViT-B-32.pt");
  of_zero_shot->callback([options, &action] { action = [options] { return zero_shot(*options); }; });
}

}  // namespace clipdex::cli
