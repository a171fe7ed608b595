#include "encoder/training/batch_loader.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <span>
#include <stdexcept>
#include <utility>

#include "encoder/image_decoder.h"
#include "encoder/training/parallel_work.h"
#include "encoder/training/random_crop.h"

namespace clipdex::training {
namespace {

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

struct BatchLoader::Candidate {
  datasets::CaptionedImage sample;
  DataPosition position;  // after it
  std::vector<float> pixels;
  std::vector<std::int32_t> tokens;  // of the caption that was chosen
};

BatchLoader::BatchLoader(const datasets::Dataset& dataset, const encoder::Tokenizer& tokenizer, const encoder::Preprocessing& preprocessing,
                         LoaderOptions options, DataPosition start, const TrainingEvents& events)
    : tokenizer_(tokenizer), preprocessing_(preprocessing), options_(options), stream_(dataset, options_.shuffle, start, events) {
  if (options_.ahead > 0) producer_ = std::thread([this] { make_ahead(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (producer_.joinable()) producer_.join();
}

void BatchLoader::make_ahead() {
  try {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopping_ || ready_.size() < options_.ahead; });
        if (stopping_) return;
      }
      auto batch = make();
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(batch));
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

Batch BatchLoader::next() {
  if (options_.ahead == 0) return make();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || !ready_.empty(); });
  if (ready_.empty()) std::rethrow_exception(failure_);
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return batch;
}

// The next `count` samples, decoded.
std::vector<BatchLoader::Candidate> BatchLoader::take(std::size_t count) {
  std::vector<Candidate> candidates(count);
  for (auto& candidate : candidates) {
    candidate.sample = stream_.next();
    candidate.position = stream_.position();
  }
  for_each_in_parallel(count, options_.threads, [&](std::size_t i) { decode(candidates[i]); });
  return candidates;
}

void BatchLoader::decode(Candidate& candidate) const {
  auto& sample = candidate.sample;
  if (sample.error.empty() && sample.captions.empty()) sample.error = "it has no caption";
  if (!sample.error.empty()) return;
  try {
    const auto bytes = datasets::read_picture(sample, options_.picture_bytes_max);
    // Large pictures are decoded at a part of their size: the crop must still hold twice the pixels that the model sees.
    auto decoding = encoder::reduced_decoding(preprocessing_);
    const double share = std::sqrt(std::max(options_.crop_scale_min, 0.01));
    decoding.shorter_side_min = static_cast<int>(decoding.shorter_side_min / share);
    decoding.longer_side_min = static_cast<int>(decoding.longer_side_min / share);
    const auto image = encoder::decode_image(as_bytes(bytes), encoder::ImageLimits{.bytes_max = options_.picture_bytes_max}, decoding);
    candidate.pixels.resize(preprocessing_.values());
    if (options_.crop_scale_min >= 1) {
      encoder::preprocess_into(image, preprocessing_, candidate.pixels.data());
    } else {
      RandomStream random{options_.shuffle.seed, static_cast<std::uint64_t>(RandomUse::kCrop), candidate.position.epoch,
                          candidate.position.taken};
      random_resized_crop(image, preprocessing_, {.scale_min = options_.crop_scale_min}, random, candidate.pixels.data());
    }
  } catch (const std::bad_alloc&) {
    throw;  // says nothing of the sample
  } catch (const std::exception& error) {
    sample.error = error.what();
  }
  sample.bytes = {};
}

// One of the picture's captions, at random; with unique_captions one that the batch has not, if there is one. The same tokens are the same
// caption to the model.
bool BatchLoader::choose_caption(Candidate& candidate, std::set<std::vector<std::int32_t>>& taken) const {
  const auto& captions = candidate.sample.captions;
  RandomStream random{options_.shuffle.seed, static_cast<std::uint64_t>(RandomUse::kCaption), candidate.position.epoch,
                      candidate.position.taken};
  const auto first = random.below(captions.size());
  for (std::size_t i = 0; i < captions.size(); ++i) {
    candidate.tokens = tokenizer_.encode(captions[(first + i) % captions.size()], options_.context_length);
    if (!options_.unique_captions || taken.insert(candidate.tokens).second) return true;
  }
  return false;
}

Batch BatchLoader::make() {
  const auto values = preprocessing_.values();
  Batch batch;
  batch.pixels.reserve(options_.batch * values);
  std::set<std::vector<std::int32_t>> captions;
  std::size_t repeated = 0;
  auto start = stream_.position();
  while (batch.pairs < options_.batch) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) throw std::runtime_error("the loader is being closed");
    }
    for (auto& candidate : take(options_.batch - batch.pairs)) {
      if (candidate.position.epoch != start.epoch) {
        // The epoch ended before the batch was full.
        if (start.taken == 0) throw DataError(options_.batch, repeated, std::move(batch.bad));
        start = {.epoch = candidate.position.epoch, .taken = 0};
        captions.clear();
        repeated = 0;
        batch.pixels.clear();
        batch.tokens.clear();
        batch.pairs = 0;
      }
      batch.after = candidate.position;
      if (!candidate.sample.error.empty()) {
        batch.bad.push_back({.where = candidate.sample.where, .why = candidate.sample.error});
        continue;
      }
      if (!choose_caption(candidate, captions)) {
        ++repeated;
        continue;
      }
      batch.tokens.push_back(std::move(candidate.tokens));
      batch.pixels.insert(batch.pixels.end(), candidate.pixels.begin(), candidate.pixels.end());
      candidate.pixels = std::vector<float>();  // or a batch would be in memory twice
      ++batch.pairs;
    }
  }
  return batch;
}

}  // namespace clipdex::training
