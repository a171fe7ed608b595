// How good a model is on data that people measure models with (LAION's CLIP_benchmark defines the measures).
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "engine/classification.h"
#include "engine/model.h"
#include "engine/training.h"

namespace clipdex::engine {

struct EvaluationEvents {
  std::function<void(std::size_t images)> progress = [](std::size_t) {};  // that were added
  std::function<void(const std::string& where, const std::string& why)> bad_sample = [](const std::string&, const std::string&) {};
};

struct RetrievalEvaluation {
  Recalls recalls;
  std::size_t failed = 0;  // samples that could not be read
};

// Of all pictures with all their captions (at most `captions_max` each, the first ones: 5 is what COCO and Flickr30k are measured with;
// 0: all). Throws std::runtime_error where there is none.
RetrievalEvaluation evaluate_retrieval(const ClipEncoder& encoder, const datasets::Dataset& dataset, std::size_t captions_max,
                                       const EvaluationEvents& events = {});

struct ClassAccuracy {
  std::string label;
  std::size_t images = 0, correct = 0;
};

struct ZeroShotEvaluation {
  std::size_t images = 0, failed = 0;
  double top1 = 0, top5 = 0;           // of pictures, percent
  double mean_per_class = 0;           // recall, percent, over classes that have pictures
  std::vector<ClassAccuracy> classes;  // in the set's order
};

// Of all pictures with a label, which is one of `set`'s or its number, from 0 on. Labels may be there twice, as in ImageNet's list: both
// are then one class.
ZeroShotEvaluation evaluate_zero_shot(const ClipEncoder& encoder, const datasets::Dataset& dataset, const LabelSet& set,
                                      const EvaluationEvents& events = {});

// The labels that the dataset's samples bear, sorted: classes where nobody named them. Reads all of it.
std::vector<std::string> labels_of(const datasets::Dataset& dataset);

}  // namespace clipdex::engine
