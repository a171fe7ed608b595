#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/dataset_options.h"
#include "cli/json_line.h"
#include "cli/progress.h"
#include "cli/recall_json.h"
#include "cli/stop_signal.h"
#include "cli/table.h"
#include "engine/training.h"

namespace clipdex::cli {
namespace {

struct TrainOptions {
  engine::TrainingOptions training;
  bool json = false;
};

std::string note_of(const engine::StepMetrics& metrics) {
  char text[160];
  std::snprintf(text, sizeof text, "loss %.3f scale %.1f %.0f samples/s", metrics.loss, metrics.logit_scale, metrics.samples_per_second);
  return text;
}

std::string line_of(const engine::Recalls& recalls) {
  char text[200];
  std::snprintf(text, sizeof text, "R@1/5/10: text to image %.1f %.1f %.1f, image to text %.1f %.1f %.1f (%zu images, %zu captions)",
                recalls.text_to_image[0], recalls.text_to_image[1], recalls.text_to_image[2], recalls.image_to_text[0],
                recalls.image_to_text[1], recalls.image_to_text[2], recalls.images, recalls.captions);
  return text;
}

void report_stop(const TrainOptions& options, const engine::TrainingResult& result) {
  if (result.step == 0) {
    std::fprintf(stderr, "stopped before the first step\n");
    return;
  }
  std::fprintf(stderr, "stopped at step %s of %s, with a checkpoint: the same command%s goes on from there\n",
               std::to_string(result.step).c_str(), std::to_string(result.steps).c_str(),
               options.training.restart ? " without --restart" : "");
}

int run_training(const TrainOptions& options) {
  const StopSignal signal;
  std::unique_ptr<Progress> reading, progress;
  std::string reading_for;
  engine::TrainingEvents events;
  events.reading = [&](const std::string& what, std::uint64_t) {
    if (!reading || what != reading_for) {
      reading.reset();
      reading = std::make_unique<Progress>(what, std::nullopt);
      reading_for = what;
    }
    reading->advance(1);
  };
  events.step = [&](const engine::StepMetrics& metrics) {
    reading.reset();
    if (progress) {
      progress->note(note_of(metrics));
      progress->advance(1);
    } else {
      // The first step's time says little of the others'.
      progress = std::make_unique<Progress>("step", metrics.steps, metrics.step);
    }
    if (metrics.validation) progress->message("step " + std::to_string(metrics.step) + ": " + line_of(*metrics.validation));
  };
  events.message = [&](const std::string& text) {
    constexpr std::size_t kColumnsMax = 500;
    reading.reset();
    if (progress) return progress->message(printable(text, kColumnsMax));
    std::fprintf(stderr, "%s\n", printable(text, kColumnsMax).c_str());
  };
  events.stop = [&] { return signal.requested(); };
  const auto result = engine::train(options.training, events);
  reading.reset();
  progress.reset();
  const auto bad = options.training.out / "bad_samples.jsonl";
  if (result.bad_samples > 0)
    std::fprintf(stderr, "%s samples were left out: %s says which and why\n", std::to_string(result.bad_samples).c_str(), bad.c_str());
  if (options.json) {
    std::cout << json_line({{"finished", result.finished},
                            {"step", result.step},
                            {"steps", result.steps},
                            {"loss", result.loss},
                            {"bad_samples", result.bad_samples},
                            {"validation", result.validation ? recall_json(*result.validation) : nlohmann::json(nullptr)},
                            {"model", result.finished ? nlohmann::json(result.model.string()) : nlohmann::json(nullptr)}});
  }
  if (!result.finished) {
    report_stop(options, result);
    return kFailure;
  }
  if (result.validation) std::fprintf(stderr, "%s\n", line_of(*result.validation).c_str());
  std::fprintf(stderr, "the model is in %s, the curves are in %s\n", result.model.c_str(), (options.training.out / "training.svg").c_str());
  return kSuccess;
}

// Karpathy's JSON holds all splits: with a word on one side alone, or the same on both, what is trained on would be validated on.
void check_splits(const engine::TrainingOptions& training) {
  const auto& trained = training.train.options.splits;
  const auto& validated = training.validation.options.splits;
  if (trained.empty() && validated.empty()) return;
  const auto is_shared = [&](const std::string& word) { return std::ranges::find(trained, word) != trained.end(); };
  if (!trained.empty() && !validated.empty() && std::ranges::none_of(validated, is_shared)) return;
  for (const auto& word : training.validation.words) {
    for (const auto& other : training.train.words) {
      if (std::filesystem::weakly_canonical(word) == std::filesystem::weakly_canonical(other))
        throw std::invalid_argument(word + " is trained on and validated on: say with --split and --validation-split which parts of it");
    }
  }
}

void add_model_options(CLI::App& command, engine::TrainingOptions& training) {
  command.add_option("--config", training.config, "From scratch: a published name (ViT-B/32, RN50, ...) or a configuration file")
      ->check(check_not_empty)
      ->group("Model");
  command.add_option("--from", training.from, "Fine-tuning: a model directory or checkpoint to go on from")
      ->check(check_not_empty)
      ->group("Model");
  command.add_option("--tokenizer", training.tokenizer, "From scratch: a tokenizer's files")->check(check_not_empty)->group("Model");
  command.add_option("--vocabulary-size", training.vocabulary_size, "From scratch: train a tokenizer of so many tokens on the captions")
      ->group("Model");
  command.add_flag("--freeze-image", training.freeze_image, "Train the text tower alone (locked-image tuning); with --from")
      ->group("Model");
  command.add_flag("--freeze-text", training.freeze_text, "Train the image tower alone; with --from")->group("Model");
}

void add_schedule_options(CLI::App& command, TrainOptions& options) {
  auto& training = options.training;
  command.add_option("--batch", training.batch, "Pairs a step")->capture_default_str()->group("Optimization");
  command
      .add_option("--micro-batch", training.micro_batch,
                  "Pairs that go through the towers at once, if memory holds no whole batch; the gradient is the same")
      ->group("Optimization");
  auto* epochs =
      command.add_option("--epochs", training.epochs, "How often each sample is seen")->capture_default_str()->group("Optimization");
  command.add_option("--steps", training.steps, "Batches, instead of epochs; saves counting the samples")
      ->excludes(epochs)
      ->group("Optimization");
  command.add_option("--learning-rate,--lr", training.learning_rate, "At its highest, after the warm-up")
      ->capture_default_str()
      ->group("Optimization");
  command.add_option("--warmup", training.warmup_steps, "Steps until then, at most a tenth of all; a cosine follows")
      ->capture_default_str()
      ->group("Optimization");
  command.add_option("--weight-decay", training.weight_decay, "Of matrices; gains and biases have none")
      ->capture_default_str()
      ->group("Optimization");
  command.add_option("--beta1", training.beta1, "Of AdamW (default 0.9)")->check(CLI::Range(0.0, 0.9999))->group("Optimization");
  command.add_option("--beta2", training.beta2, "Of AdamW (default 0.98; ResNets 0.999)")
      ->check(CLI::Range(0.0, 0.999999))
      ->group("Optimization");
  command.add_option("--epsilon", training.epsilon, "Of AdamW (default 1e-6; ResNets 1e-8)")
      ->check(CLI::Range(0.0, 1.0))
      ->group("Optimization");
  command.add_option("--clip-norm", training.clip_norm, "Greatest norm of the gradient; 0: no limit")
      ->capture_default_str()
      ->group("Optimization");
  command.add_option("--crop-scale", training.crop_scale_min, "Least share of the picture that a random crop keeps; 1: no augmentation")
      ->capture_default_str()
      ->group("Optimization");
  command.add_flag("--unique-captions", training.unique_captions, "Never the same caption twice in a batch, for data that repeats itself")
      ->group("Optimization");
}

void add_run_options(CLI::App& command, TrainOptions& options) {
  auto& training = options.training;
  const std::map<std::string, engine::Device> devices = {{"cpu", engine::Device::kCpu}, {"cuda", engine::Device::kCuda}};
  const std::map<std::string, engine::Precision> precisions = {
      {"fp32", engine::Precision::kFp32}, {"bf16", engine::Precision::kBf16}, {"fp16", engine::Precision::kFp16}};
  command.add_option("--device", training.device, "cpu or cuda")->transform(CLI::CheckedTransformer(devices))->group("Run");
  command.add_option("--precision", training.precision, "fp32, or bf16 or fp16: mixed, with weights in fp32; for GPUs and CPUs with AMX")
      ->transform(CLI::CheckedTransformer(precisions))
      ->group("Run");
  command.add_option("--threads", training.threads, "Threads (default: one a core)")->check(CLI::Range(1, 4096))->group("Run");
  command.add_option("--seed", training.seed, "Of everything random: the same seed gives the same training")
      ->capture_default_str()
      ->group("Run");
  command.add_option("--shuffle", training.shuffle, "Samples in the shuffle buffer")->capture_default_str()->group("Run");
  command.add_option("--checkpoint-every", training.checkpoint_every, "Steps; 0: only at the end")->capture_default_str()->group("Run");
  command.add_option("--keep", training.checkpoints_kept, "Checkpoints to keep")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000))
      ->group("Run");
  command.add_option("--validation", training.validation.words, "Data to measure recall on while training")
      ->check(check_not_empty)
      ->group("Validation");
  command
      .add_option("--validation-images", training.validation.options.image_root,
                  "Folder that its file names are relative to (default: its own)")
      ->check(check_not_empty)
      ->group("Validation");
  command
      .add_option("--validation-split", training.validation.options.splits, "Part of Karpathy's JSON to validate on; repeat it for more")
      ->check(check_not_empty)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group("Validation");
  command.add_option("--evaluate-every", training.evaluate_every, "Steps; 0: only at the end")->capture_default_str()->group("Validation");
  command.add_option("--validation-max", training.validation_max, "Pictures of it")->capture_default_str()->group("Validation");
  command.add_flag("--restart", training.restart, "Begin anew where --out holds a training")->group("Run");
  command.add_flag("--json", options.json, "One JSON line on stdout at the end")->group("Run");
}

}  // namespace

void add_train_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("train", "Train a CLIP on pictures with captions, from scratch or from a model");
  auto options = std::make_shared<TrainOptions>();
  command->add_option("data", options->training.train.words, std::string("Training data: ") + kDatasetHelp)
      ->required()
      ->check(check_not_empty);
  command->add_option("--out,-o", options->training.out, "Folder for model, checkpoints and curves; with a training in it: goes on")
      ->required()
      ->check(check_not_empty);
  add_model_options(*command, options->training);
  add_schedule_options(*command, *options);
  add_run_options(*command, *options);
  add_dataset_options(*command, options->training.train.options);
  command->footer(
      "Examples:\n"
      "  clipdex train train.tar --config small.json --vocabulary-size 4096 --epochs 30 --out run1\n"
      "  clipdex train captions.tsv --from ~/clip-vit-base-patch32 --freeze-image --lr 1e-5 --out run2 --validation val.tsv\n"
      "Ctrl-C ends with a checkpoint; the same command goes on from it. docs/training.md tells more.");
  command->callback([options, &action] {
    action = [options] {
      check_splits(options->training);
      auto& validation = options->training.validation.options;
      const auto images = validation.image_root;
      const auto splits = validation.splits;
      validation = options->training.train.options;
      validation.image_root = images;
      validation.splits = splits;
      return run_training(*options);
    };
  });
}

}  // namespace clipdex::cli
