#include "encoder/training/trainer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "encoder/compute_device.h"
#include "encoder/new_directory.h"
#include "encoder/training/adamw.h"
#include "encoder/training/batch_loader.h"
#include "encoder/training/batch_tensors.h"
#include "encoder/training/contrastive_loss.h"
#include "encoder/training/learning_rate.h"
#include "encoder/training/loss_scale.h"
#include "encoder/training/precision_scope.h"
#include "encoder/training/training_checkpoint.h"
#include "encoder/training/training_log.h"
#include "encoder/training/training_setup.h"
#include "encoder/training/validation.h"
#include "encoder/usable_cores.h"

namespace clipdex::training {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// One training a folder.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw std::runtime_error("cannot make " + folder.string() + ": " + error.message());
    const auto file = folder / "training.lock";
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw std::runtime_error("cannot write " + file.string());
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    const int reason = errno;
    ::close(descriptor_);
    if (reason == EWOULDBLOCK) throw std::runtime_error("another training is running in " + folder.string());
    throw std::runtime_error("cannot lock " + file.string() + ": " + std::generic_category().message(reason));
  }
  ~FolderLock() { ::close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

AdamWOptions optimizer_options(const TrainingOptions& options, const encoder::ClipConfig& config) {
  const bool resnet = config.vision.kind == encoder::VisionKind::kResNet;
  return {.beta1 = options.beta1.value_or(0.9),
          .beta2 = options.beta2.value_or(resnet ? 0.999 : 0.98),
          .epsilon = options.epsilon.value_or(resnet ? 1e-8 : 1e-6),
          .weight_decay = options.weight_decay};
}

class Trainer {
 public:
  Trainer(const TrainingOptions& options, const TrainingEvents& events);
  TrainingResult run();

 private:
  void resume_or_begin();
  void make_loader();
  StepMetrics make_step();
  void take_step(double norm, double rate);
  void evaluate(StepMetrics& metrics);
  std::optional<Recalls> recalls();
  void check_weights() const;
  void save();
  bool make_steps();
  TrainingResult finish(bool finished);

  fs::path checkpoints() const { return options_.out / "checkpoints"; }

  const TrainingOptions& options_;
  const TrainingEvents& events_;
  FolderLock lock_;
  int threads_;
  at::Device device_;
  TrainingSetup setup_;
  std::unique_ptr<AdamW> optimizer_;
  TrainingState state_;
  LossScale loss_scale_;
  std::unique_ptr<TrainingLog> log_;
  std::unique_ptr<BatchLoader> loader_;
  std::uint64_t saved_step_ = 0;
  std::optional<std::uint64_t> recall_failed_at_;  // the step
};

at::Device device_of(Device device) {
  if (device == Device::kCpu) return at::kCPU;
  if (const auto unusable = encoder::why_no_cuda(); !unusable.empty())
    throw std::runtime_error("--device cuda cannot be used: " + unusable);
  return at::kCUDA;
}

// Before anything is written: an earlier training's checkpoints are gone on from only with its own options, and what no training made is
// not removed.
void check_folder(const TrainingOptions& options) {
  const auto before = options.out / "training.json";
  const bool has_training = fs::exists(before);
  if (has_training && options.restart) return;
  if (!has_training) {
    for (const auto* name : {"model", "checkpoints", "tokenizer", "metrics.jsonl", "bad_samples.jsonl", "training.svg"}) {
      const auto path = options.out / name;
      if (!fs::exists(path) || (fs::is_directory(path) && fs::is_empty(path))) continue;
      throw std::invalid_argument(path.string() + " is there, and no training.json that says which training made it: take another --out");
    }
    return;
  }
  if (!newest_checkpoint(options.out / "checkpoints")) {
    if (!fs::exists(options.out / "model")) return;
    throw std::invalid_argument(options.out.string() +
                                " holds a model and no checkpoint to go on from: take another --out, or --restart, " +
                                "which removes the model");
  }
  const auto changed = differences(read_text(before), describe(options));
  if (!changed.empty())
    throw std::invalid_argument(options.out.string() + " holds a training with other options or data (" + changed +
                                "): give the same ones to go on with it, --restart to begin anew, or another --out");
}

// Says whose the folder is, before anything else is made in it.
void claim_folder(const TrainingOptions& options) {
  const auto temporary = options.out / "training.json.new";
  fs::remove(temporary);
  encoder::NewFile file(temporary);
  file.write(describe(options));
  file.close();
  fs::rename(temporary, options.out / "training.json");
}

TrainingSetup checked_set_up(const TrainingOptions& options, const TrainingEvents& events) {
  check_folder(options);
  // An earlier training's is replaced only when all that the new one needs has been opened.
  if (!fs::exists(options.out / "training.json")) claim_folder(options);
  return set_up(options, events);
}

Trainer::Trainer(const TrainingOptions& options, const TrainingEvents& events)
    : options_(options),
      events_(events),
      lock_(options.out),
      threads_(options.threads > 0 ? options.threads : encoder::usable_cores()),
      device_(device_of(options.device)),
      setup_(checked_set_up(options, events)) {
  at::set_num_threads(threads_);
  setup_.model.to(device_);
  optimizer_ = std::make_unique<AdamW>(setup_.model, optimizer_options(options, setup_.model.config()));
  resume_or_begin();
}

void Trainer::resume_or_begin() {
  remove_leftovers(options_.out);
  remove_leftovers(checkpoints());
  if (options_.precision == Precision::kFp16) loss_scale_.factor = LossScale::kInitial;
  if (setup_.checkpoint) {
    state_ = read_checkpoint(*setup_.checkpoint, setup_.model, *optimizer_);
    loss_scale_ = {.factor = state_.loss_scale, .good_steps = state_.steps_at_scale};
    saved_step_ = state_.step;
    events_.message("going on from " + setup_.checkpoint->string());
  } else {
    // Only now, when all that the new training needs has been opened.
    remove_checkpoints(checkpoints());
    fs::remove_all(options_.out / "model");
    claim_folder(options_);
    state_.samples = setup_.samples;
  }
  log_ = std::make_unique<TrainingLog>(options_.out, state_.step);
}

void Trainer::make_loader() {
  const auto& preprocessing = setup_.files.preprocessing;
  constexpr std::size_t kAheadBytesMax = std::size_t{1} << 30, kAheadMax = 4;
  const std::size_t bytes = options_.batch * sizeof(float) * preprocessing.values();
  LoaderOptions loader{.batch = options_.batch,
                       .threads = threads_,
                       // On the CPU the cores cannot do both at once; a GPU is not to wait.
                       .ahead = options_.device == Device::kCpu ? 0 : std::clamp<std::size_t>(kAheadBytesMax / bytes, 1, kAheadMax),
                       .crop_scale_min = options_.crop_scale_min,
                       .unique_captions = options_.unique_captions,
                       .context_length = static_cast<std::size_t>(setup_.model.config().text.context_length),
                       .shuffle = {.seed = options_.seed, .samples = options_.shuffle}};
  loader_ = std::make_unique<BatchLoader>(setup_.train, setup_.tokenizer, preprocessing, loader, state_.position, events_);
}

// The numbers have gone wrong: what the training holds is not to be saved.
class NumericError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What a step that must not be made is told with.
[[noreturn]] void fail_numbers(const char* what, std::uint64_t step, const fs::path& checkpoints) {
  const auto good = newest_checkpoint(checkpoints);
  throw NumericError(std::string(what) + " is no finite number at step " + std::to_string(step) + ", so the training stops; " +
                     (good ? "the last good checkpoint is " + good->string() : "there is no checkpoint yet") +
                     ". A lower --learning-rate, a longer --warmup or --clip-norm 1 usually help");
}

void Trainer::take_step(double norm, double rate) {
  if (std::isfinite(norm)) {
    optimizer_->step(rate);
    if (options_.precision == Precision::kFp16) loss_scale_.good();
    const torch::NoGradGuard no_gradients;
    constexpr double kLogitScaleMax = 4.6051702;  // ln 100, as the paper clamps it
    setup_.model.logit_scale().clamp_(0, kLogitScaleMax);
    return;
  }
  constexpr double kLossScaleMin = 1e-3;
  if (options_.precision != Precision::kFp16 || loss_scale_.factor < kLossScaleMin)
    fail_numbers("the gradient", state_.step + 1, checkpoints());
  loss_scale_.overflow();
}

StepMetrics Trainer::make_step() {
  const auto start = Clock::now();
  auto batch = loader_->next();
  for (const auto& [where, why] : batch.bad) log_->bad_sample(where, why);
  const double waited = seconds_since(start);
  const BatchTensors tensors(std::move(batch), setup_.files.preprocessing, device_);
  const auto pairs = tensors.pairs();
  const auto micro_batch =
      options_.micro_batch == 0 ? pairs : static_cast<std::int64_t>(std::min<std::size_t>(options_.micro_batch, options_.batch));
  const auto& model = setup_.model;
  const auto encode = [&](std::int64_t first, std::int64_t count, Pass pass) {
    const PrecisionScope precision(options_.precision, device_.type());
    Features features;
    if (pass != Pass::kGradients || !model.image_frozen())
      features.image = model.encode_image(tensors.pixels(first, count), /*training=*/true, /*update_statistics=*/pass != Pass::kFeatures);
    if (pass != Pass::kGradients || !model.text_frozen()) {
      const auto [tokens, pooled_at] = tensors.texts(first, count);
      features.text = model.encode_text(tokens, pooled_at);
    }
    return features;
  };
  optimizer_->zero_gradients();
  const double loss = backward_contrastive(encode, pairs, micro_batch, setup_.model.logit_scale(), loss_scale_.factor);
  if (!std::isfinite(loss)) fail_numbers("the loss", state_.step + 1, checkpoints());
  const double norm = optimizer_->clip_gradients(options_.clip_norm, loss_scale_.factor);
  const double rate = learning_rate(state_.step, setup_.steps, setup_.warmup_steps, options_.learning_rate);
  take_step(norm, rate);
  ++state_.step;
  state_.position = tensors.after();
  const double scale = std::exp(setup_.model.logit_scale().item<double>());
  if (!std::isfinite(scale)) fail_numbers("the temperature", state_.step, checkpoints());
  return {.step = state_.step,
          .steps = setup_.steps,
          .epoch = setup_.samples == 0 ? static_cast<double>(state_.position.epoch)
                                       : static_cast<double>(state_.position.epoch) +
                                             static_cast<double>(state_.position.taken) / static_cast<double>(setup_.samples),
          .loss = loss,
          .learning_rate = rate,
          .logit_scale = scale,
          .gradient_norm = std::isfinite(norm) ? norm : 0,
          .samples_per_second = static_cast<double>(pairs) / seconds_since(start),
          .data_seconds = waited};
}

void Trainer::evaluate(StepMetrics& metrics) {
  const bool due = metrics.step == setup_.steps || (options_.evaluate_every > 0 && metrics.step % options_.evaluate_every == 0);
  if (due) metrics.validation = recalls();
}

// Nothing without validation data, or if it cannot be measured now: a training of days does not end with a disk that is away.
std::optional<Recalls> Trainer::recalls() {
  if (!setup_.validation) return std::nullopt;
  try {
    return validate(setup_.model, setup_.tokenizer, setup_.files.preprocessing, *setup_.validation,
                    {.images_max = options_.validation_max, .threads = threads_, .device = device_, .stop = events_.stop},
                    [&](const std::string& where, const std::string& why) { log_->bad_sample(where, why); });
  } catch (const TrainingStopped&) {
    return std::nullopt;  // after the step, which has its checkpoint
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    recall_failed_at_ = state_.step;
    events_.message("recall was not measured at step " + std::to_string(state_.step) + ": " + error.what());
    return std::nullopt;
  }
}

// A gradient can be finite and the step it makes not.
void Trainer::check_weights() const {
  const auto check = [&](const TrainableClip::Named& named) {
    if (!at::isfinite(named.tensor).all().item<bool>()) fail_numbers(("the tensor " + named.name).c_str(), state_.step, checkpoints());
  };
  for (const auto& parameter : setup_.model.parameters()) check(parameter);
  for (const auto& buffer : setup_.model.buffers()) check(buffer);
}

void Trainer::save() {
  if (saved_step_ == state_.step) return;
  check_weights();
  state_.loss_scale = loss_scale_.factor;
  state_.steps_at_scale = loss_scale_.good_steps;
  state_.optimizer_steps = optimizer_->steps();
  // Before the checkpoint: lines of steps after it are made again, those before it are not.
  log_->flush();
  write_checkpoint(checkpoints(), state_, setup_.model, *optimizer_, setup_.files, options_.checkpoints_kept);
  saved_step_ = state_.step;
}

TrainingResult Trainer::finish(bool finished) {
  save();
  log_->flush();
  TrainingResult result{.finished = finished, .step = state_.step, .steps = setup_.steps, .bad_samples = log_->bad_samples()};
  if (const auto* last = log_->last()) {
    result.loss = last->loss;
    result.validation = last->validation;
  }
  if (finished) {
    result.model = options_.out / "model";
    if (!fs::exists(result.model)) write_trained_model(result.model, setup_.model, setup_.files);
    // What an earlier run could not measure.
    if (!result.validation && recall_failed_at_ != state_.step) result.validation = recalls();
  }
  return result;
}

// Whether it was not asked to stop before all steps were done.
bool Trainer::make_steps() {
  constexpr double kFlushSeconds = 10;
  auto flushed = Clock::now();
  while (state_.step < setup_.steps) {
    auto metrics = make_step();
    evaluate(metrics);
    log_->add(metrics);
    events_.step(metrics);
    if (options_.checkpoint_every > 0 && state_.step % options_.checkpoint_every == 0) save();
    if (seconds_since(flushed) > kFlushSeconds) {
      log_->flush();
      flushed = Clock::now();
    }
    if (state_.step < setup_.steps && events_.stop()) return false;
  }
  return true;
}

TrainingResult Trainer::run() {
  if (state_.step >= setup_.steps) return finish(/*finished=*/true);
  try {
    make_loader();
  } catch (const TrainingStopped&) {
    return {.step = state_.step, .steps = setup_.steps};
  }
  try {
    return finish(make_steps());
  } catch (const NumericError&) {
    throw;
  } catch (const DataError& error) {
    for (const auto& [where, why] : error.bad) log_->bad_sample(where, why);
    save();
    throw;
  } catch (const std::exception&) {
    // The weights are good whatever happened to the data or the disk; the first failure is the one to tell of.
    try {
      save();
    } catch (const std::exception& second) {
      events_.message(std::string("and it could not be saved: ") + second.what());
    }
    throw;
  }
}

}  // namespace

TrainingResult train(const TrainingOptions& options, const TrainingEvents& events) {
  check(options);
  try {
    return Trainer(options, events).run();
  } catch (const TrainingStopped&) {
    return {};  // before there was anything to keep
  }
}

}  // namespace clipdex::training
