// The samples of a dataset in the order in which a training sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "datasets/captioned_image.h"
#include "datasets/dataset.h"
#include "encoder/training/random_stream.h"
#include "encoder/training/training_options.h"

namespace clipdex::training {

// How far the data was read: `taken` samples of the epoch, good and bad ones.
struct DataPosition {
  std::uint64_t epoch = 0;
  std::uint64_t taken = 0;
  bool operator==(const DataPosition&) const = default;
};

struct ShuffleOptions {
  std::uint64_t seed = 0;
  std::size_t samples = 50'000;                    // in the buffer
  std::size_t bytes_max = std::size_t{512} << 20;  // of pictures in it
};

// Epoch after epoch without an end. Each epoch the shards are in another order, and out of a buffer that is filled from them, each sample
// is drawn at random: the same seed gives the same order, on every machine. One thread at a time.
class SampleStream {
 public:
  // The dataset must outlive it. To begin within an epoch, what comes before is read: `events` is told how far, and can stop it
  // (TrainingStopped).
  SampleStream(const datasets::Dataset& dataset, const ShuffleOptions& options, DataPosition start = {}, const TrainingEvents& events = {});

  // `error` is set in what cannot be used. Throws std::runtime_error if there is no sample at all.
  datasets::CaptionedImage next();

  // Of the sample that next() returned last.
  DataPosition position() const { return position_; }

 private:
  void begin_epoch();
  void fill();
  std::optional<datasets::CaptionedImage> read();
  std::optional<datasets::CaptionedImage> draw();

  const datasets::Dataset& dataset_;
  ShuffleOptions options_;
  DataPosition position_;
  std::vector<std::size_t> shards_;  // still to be opened, the last one first
  std::unique_ptr<datasets::CaptionedImageSource> source_;
  std::vector<datasets::CaptionedImage> buffer_;
  std::size_t buffer_bytes_ = 0;
  std::optional<RandomStream> random_;
};

// How many samples there are, good and bad ones: all of it is read. Throws TrainingStopped if `events.stop` says so.
std::uint64_t count_samples(const datasets::Dataset& dataset, const TrainingEvents& events);

}  // namespace clipdex::training
