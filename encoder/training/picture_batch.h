// A dataset's pictures in their order, decoded and preprocessed for evaluation. No LibTorch shows here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "encoder/preprocessing.h"

namespace clipdex::training {

struct PictureBatch {
  std::size_t count = 0;
  std::vector<float> pixels;                       // [count, 3, height, width]
  std::vector<std::string> where;                  // each picture is from
  std::vector<std::vector<std::string>> captions;  // of each picture
  std::vector<std::optional<std::string>> labels;
};

// One thread at a time.
class PictureReader {
 public:
  // `preprocessing` must outlive it. `bad_sample` is told of each sample that is left out, where it is and why.
  PictureReader(const datasets::Dataset& dataset, const encoder::Preprocessing& preprocessing, int threads,
                std::function<void(const std::string&, const std::string&)> bad_sample = {});

  // The next `count` pictures that can be read; fewer only at the end.
  PictureBatch next(std::size_t count);

 private:
  std::unique_ptr<datasets::CaptionedImageSource> source_;
  const encoder::Preprocessing& preprocessing_;
  int threads_;
  std::function<void(const std::string&, const std::string&)> bad_sample_;
};

}  // namespace clipdex::training
