#include "encoder/training/training_setup.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "encoder/clip_tensors.h"
#include "encoder/config_files.h"
#include "encoder/model_directory.h"
#include "encoder/model_info.h"
#include "encoder/model_writer.h"
#include "encoder/new_directory.h"
#include "encoder/published_models.h"
#include "encoder/training/bpe_trainer.h"
#include "encoder/training/initialization.h"
#include "encoder/training/picture_batch.h"
#include "encoder/training/sample_stream.h"
#include "encoder/usable_cores.h"

namespace clipdex::training {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void require(bool good, const std::string& what) {
  if (!good) throw std::invalid_argument(what);
}

encoder::ClipConfig named_config(const std::string& name) {
  if (const auto published = encoder::published_config(name)) return *published;
  if (fs::is_regular_file(name)) {
    return encoder::is_open_clip_config(name) ? encoder::read_open_clip_config(name) : encoder::read_huggingface_config(name);
  }
  std::string names;
  for (const auto& known : encoder::published_names()) names += (names.empty() ? "" : ", ") + known;
  throw std::invalid_argument("--config " + name + " is neither a file nor one of " + names);
}

// As a folder under the names that everybody looks for: what --tokenizer names may be one file, and may be gone when the model is written.
void copy_tokenizer(const fs::path& from, const fs::path& folder) {
  require(!fs::is_directory(from) || encoder::Tokenizer::has_files(from),
          "--tokenizer " + from.string() + " holds no tokenizer's files: vocab.json and merges.txt, or tokenizer.json");
  encoder::NewDirectory made(folder);
  encoder::write_tokenizer(from, made);
  made.publish(/*replace=*/true);
}

void train_tokenizer(const TrainingOptions& options, const datasets::Dataset& data, std::size_t context_length,
                     const TrainingEvents& events) {
  BpeTrainer trainer(options.threads > 0 ? options.threads : encoder::usable_cores());
  const auto source = data.open_all();
  for (std::uint64_t samples = 1; const auto sample = source->next(); ++samples) {
    if (events.stop()) throw TrainingStopped();
    for (const auto& caption : sample->captions) trainer.add(caption);
    events.reading("reading captions for the tokenizer", samples);
  }
  events.message("training a tokenizer of " + std::to_string(options.vocabulary_size) + " tokens on the captions");
  trainer.train(options.vocabulary_size, options.out / "tokenizer", context_length);
}

// The folder with the tokenizer of a training from scratch. A training that goes on has its checkpoint's: the folder may hold that of one
// that was to begin anew and did not.
fs::path make_tokenizer(const TrainingOptions& options, const datasets::Dataset& data, std::size_t context_length,
                        const std::optional<fs::path>& checkpoint, const TrainingEvents& events) {
  auto folder = options.out / "tokenizer";
  if (checkpoint) {
    copy_tokenizer(*checkpoint, folder);
  } else if (options.tokenizer.empty()) {
    train_tokenizer(options, data, context_length, events);
  } else {
    copy_tokenizer(options.tokenizer, folder);
  }
  return folder;
}

TrainableClip from_scratch(encoder::ClipConfig config, const encoder::Tokenizer& tokenizer, std::uint64_t seed) {
  config.text.vocabulary_size = static_cast<int>(tokenizer.vocabulary_size());
  // As each version of transformers finds it; a ResNet's files, which are open_clip's, say nothing of it.
  config.text.end_token = config.vision.kind == encoder::VisionKind::kTransformer ? tokenizer.end_token() : -1;
  require(tokenizer.end_token() + 1 == config.text.vocabulary_size, "the tokenizer's end token must be the last one of its vocabulary");
  encoder::validate(config);
  TrainableClip model(config);
  initialize(model, seed);
  return model;
}

// Transformers' rounding where transformers can open the result, so that pixels are the same there.
encoder::Preprocessing preprocessing_for(const encoder::ClipConfig& config) {
  encoder::Preprocessing preprocessing;
  preprocessing.width = preprocessing.height = preprocessing.resize_to = config.vision.image_size;
  if (config.vision.kind == encoder::VisionKind::kTransformer) preprocessing.convention = encoder::PreprocessingConvention::kHuggingFace;
  return preprocessing;
}

void plan_steps(const TrainingOptions& options, TrainingSetup& setup, const TrainingEvents& events) {
  setup.steps = options.steps;
  // Data that has changed since must not bend the schedule.
  if (setup.checkpoint) setup.samples = read_state(*setup.checkpoint).samples;
  if (setup.steps == 0 && setup.samples == 0) {
    setup.samples = count_samples(setup.train, events);
    events.message("counted " + std::to_string(setup.samples) + " samples");
  }
  if (setup.steps == 0) {
    const std::uint64_t of_epoch = setup.samples / options.batch;  // what is left over is left out
    constexpr double kStepsMax = 1e12;
    setup.steps = static_cast<std::uint64_t>(std::min(options.epochs * static_cast<double>(of_epoch), kStepsMax));
    require(setup.steps > 0, "the training data has " + std::to_string(setup.samples) + " samples, which make in " +
                                 std::to_string(options.epochs) + " epochs not one batch of " + std::to_string(options.batch) +
                                 ": take a smaller --batch");
  }
  setup.warmup_steps = std::min(options.warmup_steps, setup.steps / 10);
}

// Batch normalisation has no variance of one picture with a map of one value.
void check_micro_batch(const TrainingOptions& options, const encoder::ClipConfig& config) {
  if (config.vision.kind != encoder::VisionKind::kResNet || options.micro_batch == 0) return;
  require(options.micro_batch > 1 && options.batch % options.micro_batch != 1,
          "a ResNet's --micro-batch is 2 or more and leaves no single pair over: batch normalisation needs several");
}

// Better now than at the first evaluation, hours later.
void check_validation(const TrainingOptions& options, const TrainingSetup& setup, const TrainingEvents& events) {
  if (!setup.validation) return;
  std::string first;
  PictureReader reader(*setup.validation, setup.files.preprocessing, /*threads=*/1, [&](const std::string& where, const std::string& why) {
    if (first.empty()) first = where + ": " + why;
  });
  bool has_caption = false;
  for (std::size_t seen = 0; seen < options.validation_max && !has_caption; ++seen) {
    if (events.stop()) throw TrainingStopped();
    const auto picture = reader.next(1);
    if (picture.count == 0) break;
    has_caption = !picture.captions.front().empty();
  }
  require(has_caption, "the validation data " + options.validation.words.front() + " has no picture with a caption that can be read" +
                           (first.empty() ? "" : ": " + first));
}

// What beginning anew removes is not what to begin with.
void check_from(const TrainingOptions& options) {
  const auto from = fs::weakly_canonical(options.from);
  for (const auto* made : {"model", "checkpoints"}) {
    const auto folder = fs::weakly_canonical(options.out / made);
    require(std::mismatch(folder.begin(), folder.end(), from.begin(), from.end()).first != folder.end(),
            "--from " + options.from.string() + " is what a training makes in --out " + options.out.string() + ": take another --out");
  }
}

}  // namespace

void check(const TrainingOptions& options) {
  require(!options.out.empty(), "--out names the folder that the training fills");
  require(!options.train.words.empty(), "there is no training data: name files, tars or a manifest");
  require(options.from.empty() != options.config.empty(),
          "either --config (from scratch) or --from (a model to go on from) is needed, not both");
  if (!options.from.empty()) {
    check_from(options);
    require(options.tokenizer.empty() && options.vocabulary_size == 0, "a model that training goes on from has its own tokenizer");
  } else {
    require(options.tokenizer.empty() != (options.vocabulary_size == 0),
            "a training from scratch needs either --tokenizer or --vocabulary-size, for one that is trained on the captions");
    require(options.vocabulary_size == 0 || options.vocabulary_size >= kVocabularyMin,
            "--vocabulary-size is " + std::to_string(kVocabularyMin) + " or more: the bytes and two special tokens");
    require(!options.freeze_image && !options.freeze_text, "a tower can be frozen only with --from: from scratch it has learned nothing");
  }
  require(!(options.freeze_image && options.freeze_text), "with both towers frozen there is nothing to train");
  constexpr std::size_t kBatchMax = 1U << 20;
  require(options.batch >= 2 && options.batch <= kBatchMax,
          "--batch is 2 to " + std::to_string(kBatchMax) + ": pairs are told apart from others");
  require(options.steps > 0 || (std::isfinite(options.epochs) && options.epochs > 0), "--epochs is more than 0");
  require(std::isfinite(options.learning_rate) && options.learning_rate > 0, "--learning-rate is more than 0");
  require(std::isfinite(options.weight_decay) && options.weight_decay >= 0, "--weight-decay is 0 or more");
  require(std::isfinite(options.clip_norm) && options.clip_norm >= 0, "--clip-norm is 0 (none) or more");
  require(options.crop_scale_min > 0 && options.crop_scale_min <= 1, "--crop-scale is more than 0 and at most 1");
  const auto is_beta = [](const std::optional<double>& beta) { return !beta || (*beta >= 0 && *beta < 1); };
  require(is_beta(options.beta1) && is_beta(options.beta2), "--beta1 and --beta2 are 0 or more and less than 1");
  require(!options.epsilon || *options.epsilon > 0, "--epsilon is more than 0");
  require(options.validation.words.empty() || options.validation_max > 0, "--validation-max is 1 or more");
  require(options.shuffle >= 1, "--shuffle is 1 (no shuffling) or more");
}

TrainingSetup set_up(const TrainingOptions& options, const TrainingEvents& events) {
  const auto checkpoint = options.restart ? std::nullopt : newest_checkpoint(options.out / "checkpoints");
  auto train = datasets::Dataset::open(options.train.words, options.train.options);
  std::optional<datasets::Dataset> validation;
  if (!options.validation.words.empty()) validation = datasets::Dataset::open(options.validation.words, options.validation.options);
  const auto finish = [&](encoder::Tokenizer tokenizer, fs::path folder, const encoder::Preprocessing& preprocessing, TrainableClip model) {
    const int start = tokenizer.start_token();
    TrainingSetup setup{.train = std::move(train),
                        .validation = std::move(validation),
                        .tokenizer = std::move(tokenizer),
                        .files = {.preprocessing = preprocessing, .tokenizer = std::move(folder), .start_token = start},
                        .model = std::move(model),
                        .checkpoint = checkpoint};
    check_micro_batch(options, setup.model.config());
    check_validation(options, setup, events);
    plan_steps(options, setup, events);
    return setup;
  };
  if (!options.from.empty()) {
    // A checkpoint has all that its training needs: where it began may be gone.
    const auto opened = encoder::open_model(checkpoint ? *checkpoint : options.from);
    encoder::check_tensors(opened.checkpoint, opened.directory.config);
    auto tokenizer = encoder::open_tokenizer(opened.directory);
    require(tokenizer.has_value(), options.from.string() + " has no tokenizer's files: put vocab.json and merges.txt beside the weights");
    TrainableClip model(opened.directory.config);
    model.load(opened.checkpoint);
    model.freeze(options.freeze_image, options.freeze_text);
    // Each checkpoint is written with it.
    const auto folder = options.out / "tokenizer";
    copy_tokenizer(opened.directory.directory, folder);
    return finish(std::move(*tokenizer), folder, opened.directory.preprocessing, std::move(model));
  }
  const auto config = named_config(options.config);
  const auto folder = make_tokenizer(options, train, static_cast<std::size_t>(config.text.context_length), checkpoint, events);
  auto tokenizer = encoder::Tokenizer::open(folder);
  auto model = from_scratch(config, tokenizer, options.seed);
  return finish(std::move(tokenizer), folder, preprocessing_for(config), std::move(model));
}

std::string describe(const TrainingOptions& options) {
  // What was edited since is other data: the names of files alone do not tell.
  json bytes = json::array();
  for (const auto& word : options.train.words) {
    std::error_code error;
    const auto size = fs::file_size(word, error);
    bytes.push_back(error ? json(nullptr) : json(size));
  }
  std::string config_text;
  if (fs::is_regular_file(options.config)) {
    std::ifstream stream(options.config);
    config_text.assign(std::istreambuf_iterator<char>(stream), {});
  }
  const auto& data = options.train.options;
  const json all = {{"train", options.train.words},
                    {"train_bytes", bytes},
                    {"images", data.image_root.string()},
                    {"image_column", data.image_column},
                    {"caption_columns", data.caption_columns},
                    {"separator", data.separator ? json(std::string(1, *data.separator)) : json(nullptr)},
                    {"splits", data.splits},
                    {"config", options.config},
                    {"config_text", config_text},
                    {"from", options.from.string()},
                    {"tokenizer", options.tokenizer.string()},
                    {"vocabulary_size", options.vocabulary_size},
                    {"batch", options.batch},
                    {"micro_batch", options.micro_batch},
                    {"epochs", options.steps > 0 ? json(nullptr) : json(options.epochs)},
                    {"steps", options.steps},
                    {"learning_rate", options.learning_rate},
                    {"warmup_steps", options.warmup_steps},
                    {"weight_decay", options.weight_decay},
                    {"beta1", options.beta1 ? json(*options.beta1) : json(nullptr)},
                    {"beta2", options.beta2 ? json(*options.beta2) : json(nullptr)},
                    {"epsilon", options.epsilon ? json(*options.epsilon) : json(nullptr)},
                    {"clip_norm", options.clip_norm},
                    {"freeze_image", options.freeze_image},
                    {"freeze_text", options.freeze_text},
                    {"crop_scale_min", options.crop_scale_min},
                    {"unique_captions", options.unique_captions},
                    {"precision", static_cast<int>(options.precision)},
                    {"seed", options.seed},
                    {"shuffle", options.shuffle}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string differences(const std::string& before, const std::string& now) {
  const auto old = json::parse(before, nullptr, /*allow_exceptions=*/false);
  if (!old.is_object()) return "training.json, which cannot be read";
  std::string names;
  const auto all = json::parse(now);
  for (const auto& [key, value] : all.items()) {
    if (!old.contains(key) || old.at(key) != value) names += (names.empty() ? "" : ", ") + key;
  }
  return names;
}

}  // namespace clipdex::training
