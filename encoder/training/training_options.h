// What a training is asked to do, and what it tells while it runs. No LibTorch shows here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace clipdex::training {

struct DataSource {
  std::vector<std::string> words;  // as datasets::Dataset::open() takes them; none: no data
  datasets::DatasetOptions options;
};

enum class Device { kCpu, kCuda };
enum class Precision { kFp32, kBf16, kFp16 };  // the two others: autocast, with weights and optimizer in fp32

// The defaults are openai/CLIP's (Radford et al. 2021, table 17 to 20) where it has one, but for a batch that one machine holds.
struct TrainingOptions {
  std::filesystem::path out;  // the folder that the training fills, and goes on from
  DataSource train, validation;

  // From scratch: a published name ("ViT-B/32") or a file (Hugging Face's config.json, open_clip_config.json). Or else fine-tuning from a
  // model that the encoder opens.
  std::string config;
  std::filesystem::path from;
  // From scratch: files of a tokenizer, or the size of one that is trained on the captions.
  std::filesystem::path tokenizer;
  std::size_t vocabulary_size = 0;

  std::size_t batch = 256;
  std::size_t micro_batch = 0;  // pairs that go through the towers at once; 0: the batch
  double epochs = 32;
  std::uint64_t steps = 0;  // instead of epochs, if not 0
  double learning_rate = 5e-4;
  std::uint64_t warmup_steps = 2000;  // at most a tenth of the steps
  double weight_decay = 0.2;
  std::optional<double> beta1, beta2, epsilon;  // of AdamW; by default 0.9, 0.98 and 1e-6 for a ViT, 0.9, 0.999 and 1e-8 for a ResNet
  double clip_norm = 1;                         // of the whole gradient; 0: none
  bool freeze_image = false, freeze_text = false;
  double crop_scale_min = 0.9;  // RandomResizedCrop's least share of the picture; 1: no augmentation
  // A caption that the batch has already is replaced by another one of its picture; a picture without another is left out of the batch.
  bool unique_captions = false;

  Device device = Device::kCpu;
  Precision precision = Precision::kFp32;
  std::uint64_t seed = 0;
  int threads = 0;                        // that compute and decode; 0: one a core
  std::size_t shuffle = 50'000;           // samples in the shuffle buffer
  std::uint64_t checkpoint_every = 1000;  // steps; 0: only the last one
  std::size_t checkpoints_kept = 2;
  std::uint64_t evaluate_every = 1000;  // steps, if there is validation data; 0: only at the end
  std::size_t validation_max = 1000;    // pictures of it
  bool restart = false;                 // forget what `out` holds of an earlier training
};

struct Recalls {
  std::size_t images = 0, captions = 0;
  // At 1, 5 and 10, in percent (LAION's CLIP_benchmark): of captions whose picture is among the first k, of pictures one of whose captions
  // is.
  std::array<double, 3> text_to_image{}, image_to_text{};
};

struct StepMetrics {
  std::uint64_t step = 0, steps = 0;  // done, and to do in all
  double epoch = 0;
  double loss = 0;
  double learning_rate = 0;
  double logit_scale = 0;  // the factor itself, exp of the parameter
  double gradient_norm = 0;
  double samples_per_second = 0;  // of this step
  double data_seconds = 0;        // of it, waited for pictures and captions
  std::optional<Recalls> validation;
};

struct TrainingEvents {
  std::function<void(const StepMetrics&)> step = [](const StepMetrics&) {};
  std::function<void(const std::string&)> message = [](const std::string&) {};  // for a person
  // Before the first step, where all data is read once: what for ("counting samples"), and how many samples that is so far.
  std::function<void(const std::string&, std::uint64_t)> reading = [](const std::string&, std::uint64_t) {};
  std::function<bool()> stop = [] { return false; };  // asked after each step, and for each sample that is read before the first
};

// Thrown where a training is asked to stop before its first step.
struct TrainingStopped {};

struct TrainingResult {
  bool finished = false;  // false: stopped, with a checkpoint
  std::uint64_t step = 0, steps = 0;
  std::uint64_t bad_samples = 0;
  double loss = 0;
  std::filesystem::path model;  // a Hugging Face (or open_clip) directory; empty if not finished
  std::optional<Recalls> validation;
};

}  // namespace clipdex::training
