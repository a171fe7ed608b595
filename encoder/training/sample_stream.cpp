#include "encoder/training/sample_stream.h"

#include <numeric>
#include <stdexcept>
#include <utility>

namespace clipdex::training {

SampleStream::SampleStream(const datasets::Dataset& dataset, const ShuffleOptions& options, DataPosition start,
                           const TrainingEvents& events)
    : dataset_(dataset), options_(options), position_{.epoch = start.epoch, .taken = 0} {
  begin_epoch();
  while (position_.taken < start.taken) {
    if (!draw()) throw std::runtime_error("the training data has become less: an epoch ends before the place where the training stopped");
    if (events.stop()) throw TrainingStopped();
    events.reading("finding the place in the data", ++position_.taken);
  }
}

void SampleStream::begin_epoch() {
  shards_.resize(dataset_.shards().size());
  std::iota(shards_.begin(), shards_.end(), 0);
  RandomStream order{options_.seed, static_cast<std::uint64_t>(RandomUse::kShardOrder), position_.epoch};
  for (std::size_t i = shards_.size(); i > 1; --i) std::swap(shards_[i - 1], shards_[order.below(i)]);
  random_ = RandomStream{options_.seed, static_cast<std::uint64_t>(RandomUse::kShuffle), position_.epoch};
  source_.reset();
}

std::optional<datasets::CaptionedImage> SampleStream::read() {
  while (true) {
    if (!source_) {
      if (shards_.empty()) return std::nullopt;
      source_ = dataset_.open_shard(shards_.back());
      shards_.pop_back();
    }
    if (auto sample = source_->next()) return sample;
    source_.reset();
  }
}

void SampleStream::fill() {
  while (buffer_.size() < options_.samples && buffer_bytes_ < options_.bytes_max) {
    auto sample = read();
    if (!sample) return;
    buffer_bytes_ += sample->bytes.size();
    buffer_.push_back(std::move(*sample));
  }
}

std::optional<datasets::CaptionedImage> SampleStream::draw() {
  fill();
  if (buffer_.empty()) return std::nullopt;
  std::swap(buffer_[random_->below(buffer_.size())], buffer_.back());
  auto sample = std::move(buffer_.back());
  buffer_.pop_back();
  buffer_bytes_ -= sample.bytes.size();
  return sample;
}

datasets::CaptionedImage SampleStream::next() {
  auto sample = draw();
  if (!sample) {
    if (position_.taken == 0) throw std::runtime_error("the training data holds no sample");
    position_ = {.epoch = position_.epoch + 1, .taken = 0};
    begin_epoch();
    sample = draw();
    if (!sample) throw std::runtime_error("the training data has vanished");
  }
  ++position_.taken;
  return std::move(*sample);
}

std::uint64_t count_samples(const datasets::Dataset& dataset, const TrainingEvents& events) {
  std::uint64_t count = 0;
  const auto source = dataset.open_all();
  while (source->next()) {
    if (events.stop()) throw TrainingStopped();
    events.reading("counting samples", ++count);
  }
  return count;
}

}  // namespace clipdex::training
