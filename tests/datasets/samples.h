// Data written for a test, and the samples that are read from it.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "tests/temporary_directory.h"

namespace clipdex::tests {

using datasets::CaptionedImage;
using datasets::Dataset;
using datasets::DatasetOptions;
using Captions = std::vector<std::string>;

inline std::filesystem::path write(const std::filesystem::path& file, const std::string& content) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
  return file;
}

// All samples of one shard. A source that does not end fails the test instead of holding it up.
inline std::vector<CaptionedImage> samples_of(const Dataset& dataset, std::size_t shard) {
  constexpr std::size_t kSamplesMax = 10'000;
  std::vector<CaptionedImage> samples;
  const auto source = dataset.open_shard(shard);
  while (auto sample = source->next()) {
    samples.push_back(std::move(*sample));
    REQUIRE(samples.size() < kSamplesMax);
  }
  CHECK(!source->next());  // it stays at its end
  return samples;
}

inline std::vector<CaptionedImage> samples_of(const std::filesystem::path& file, const DatasetOptions& options = {}) {
  return samples_of(Dataset::open({file.string()}, options), 0);
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Why a dataset cannot be opened; "" if it can.
inline std::string refusal(const std::vector<std::string>& words, const DatasetOptions& options = {}) {
  try {
    static_cast<void>(Dataset::open(words, options));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

// The errors' places without the folder they are in, each with its reason: "list.csv:7 its caption is empty".
inline std::vector<std::string> errors_of(const std::vector<CaptionedImage>& samples) {
  std::vector<std::string> errors;
  for (const auto& sample : samples) {
    if (!sample.error.empty()) errors.push_back(sample.where.substr(sample.where.rfind('/') + 1) + " " + sample.error);
  }
  return errors;
}

// What of them can be used.
inline std::vector<CaptionedImage> good(const std::vector<CaptionedImage>& samples) {
  std::vector<CaptionedImage> usable;
  for (const auto& sample : samples) {
    if (sample.error.empty()) usable.push_back(sample);
  }
  return usable;
}

}  // namespace clipdex::tests
