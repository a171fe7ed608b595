// What a training leaves in its folder for people and programs to read: metrics.jsonl, bad_samples.jsonl and training.svg.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_set>
#include <vector>

#include "encoder/training/training_options.h"

namespace clipdex::training {

// One thread at a time.
class TrainingLog {
 public:
  // Goes on with the files that are there, without the lines of steps after `step`: those will be made again. Throws std::runtime_error.
  TrainingLog(const std::filesystem::path& folder, std::uint64_t step);

  void add(const StepMetrics& metrics);
  // Each sample is named once, however often it comes.
  void bad_sample(const std::string& where, const std::string& why);
  // Puts all lines into the files and draws training.svg anew. Throws std::runtime_error that names the file.
  void flush();

  std::uint64_t bad_samples() const { return named_.size(); }
  // nullptr before the first step.
  const StepMetrics* last() const { return history_.empty() ? nullptr : &history_.back(); }

 private:
  std::filesystem::path folder_;
  std::ofstream metrics_, bad_samples_;
  std::vector<StepMetrics> history_;
  std::unordered_set<std::string> named_;  // bad samples
};

}  // namespace clipdex::training
