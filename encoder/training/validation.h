// How well a model in training retrieves. Private to encoder/.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <functional>
#include <string>

#include "datasets/dataset.h"
#include "encoder/preprocessing.h"
#include "encoder/tokenizer.h"
#include "encoder/training/trainable_clip.h"
#include "encoder/training/training_options.h"

namespace clipdex::training {

struct ValidationOptions {
  std::size_t images_max = 1000;
  int threads = 1;
  at::Device device = at::kCPU;
  std::function<bool()> stop = [] { return false; };  // asked now and then
};

// Of the first pictures that can be read, with all of their captions; `bad_sample` is told of those that cannot. Throws std::runtime_error
// if there is none, TrainingStopped if it is to stop.
Recalls validate(const TrainableClip& model, const encoder::Tokenizer& tokenizer, const encoder::Preprocessing& preprocessing,
                 const datasets::Dataset& dataset, const ValidationOptions& options,
                 std::function<void(const std::string& where, const std::string& why)> bad_sample);

}  // namespace clipdex::training
