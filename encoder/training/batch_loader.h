// Samples -> batches of pixels and tokens. No LibTorch shows here.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "encoder/preprocessing.h"
#include "encoder/tokenizer.h"
#include "encoder/training/sample_stream.h"

namespace clipdex::training {

struct BadSample {
  std::string where, why;
};

// The data cannot fill a batch.
class DataError : public std::runtime_error {
 public:
  // `repeated`: samples that were passed over since the batch had their captions.
  DataError(std::size_t batch, std::size_t repeated, std::vector<BadSample> bad_)
      : std::runtime_error("an epoch of the training data has not " + std::to_string(batch) +
                           " samples that can be used, which make a batch (" + std::to_string(bad_.size()) +
                           " are named in bad_samples.jsonl, " + std::to_string(repeated) +
                           " have only captions that the batch has already): take a smaller --batch"),
        bad(std::move(bad_)) {}
  std::vector<BadSample> bad;
};

struct Batch {
  std::size_t pairs = 0;
  std::vector<float> pixels;                      // [pairs, 3, height, width], normalised
  std::vector<std::vector<std::int32_t>> tokens;  // ids with start and end token, at most the context's length
  DataPosition after;                             // where the next batch begins
  std::vector<BadSample> bad;                     // that were left out on the way
};

struct LoaderOptions {
  std::size_t batch = 0;
  int threads = 1;        // that decode
  std::size_t ahead = 0;  // batches that are made before they are asked for; 0: decoding and training take turns with the cores
  double crop_scale_min = 0.9;
  bool unique_captions = false;
  std::size_t context_length = 77;
  std::size_t picture_bytes_max = std::size_t{32} << 20;
  ShuffleOptions shuffle;
};

// The same options and position give the same batches, whatever the number of threads. One thread at a time.
class BatchLoader {
 public:
  // The dataset and the tokenizer must outlive it. `events` as SampleStream takes them.
  BatchLoader(const datasets::Dataset& dataset, const encoder::Tokenizer& tokenizer, const encoder::Preprocessing& preprocessing,
              LoaderOptions options, DataPosition start = {}, const TrainingEvents& events = {});
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // Always full, and of one epoch: what is left at an epoch's end is left out, in each epoch other samples. Throws DataError where a
  // whole epoch does not fill one.
  Batch next();

 private:
  struct Candidate;

  Batch make();
  std::vector<Candidate> take(std::size_t count);
  void decode(Candidate& candidate) const;
  bool choose_caption(Candidate& candidate, std::set<std::vector<std::int32_t>>& taken) const;
  void make_ahead();

  const encoder::Tokenizer& tokenizer_;
  encoder::Preprocessing preprocessing_;
  LoaderOptions options_;
  SampleStream stream_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::thread producer_;
};

}  // namespace clipdex::training
