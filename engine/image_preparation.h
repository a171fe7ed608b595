// From files to embeddings: decoding on several threads, and on the encoder's GPU where it does that, encoding on the encoder's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/errors.h"
#include "engine/metrics.h"
#include "engine/model.h"
#include "engine/places.h"
#include "engine/waiting_line.h"
#include "engine/worker_pool.h"

namespace clipdex::engine {

struct PreparedImage {
  int width = 0, height = 0;  // of the whole picture, upright
  std::string format;
  std::string thumbnail;
  std::vector<float> embedding;
  // Set if the file was refused; then nothing else counts.
  std::string error_code, error;
};

struct PreparationOptions {
  ImageLimits limits;
  // False: large JPEGs are decoded at the reduced size that the model needs (reduced_decoding()), and by a GPU where it does that.
  bool exact_decode = false;
  // Query pictures that are decoded or wait for the encoder, with their pixels in memory; others wait for one of them so long.
  std::size_t queries_max = 64;
  std::chrono::milliseconds query_patience{10'000};
};

// One for a process and its model. Any thread may call it. However many requests there are: threads that compute are never more than cores
// (CoreBudget), no more pictures than cores, and places of a GPU, are decoded at any time, and no more than kBatchesMax batches of pixels
// wait for the encoder. Query pictures that come while the encoder computes are encoded together, as query texts are (query_encoder.h).
class ImagePreparation {
 public:
  // `metrics` must outlive it.
  ImagePreparation(std::shared_ptr<const ClipEncoder> encoder, const PreparationOptions& options, Metrics& metrics);

  // One result a file, in order.
  std::vector<PreparedImage> prepare(std::span<const std::string* const> files, bool thumbnails) const;

  // The unit embedding of one file. Throws ImageError, or OverloadedError if too many others are before it until then.
  std::vector<float> embed(const std::string& file, Places::Clock::time_point until) const;
  // Until when a request that comes now waits.
  Places::Clock::time_point patience_end() const { return Places::Clock::now() + options_.query_patience; }

  const ImageLimits& limits() const { return options_.limits; }

 private:
  static constexpr std::size_t kBatchesMax = 4;
  class Place;
  struct Batch;
  // A query's picture that waits for the encoder.
  struct Waiting : WaitingCaller {
    explicit Waiting(ImageBatch room) : image(std::move(room)) {}
    ImageBatch image;              // one
    std::vector<float> embedding;  // when done
  };

  DecodeOptions decode_options(bool thumbnail) const;
  std::optional<Image> decode_on_device(const std::string& file, bool thumbnail, Urgency urgency) const;
  Image decode(const std::string& file, bool thumbnail) const;
  void prepare_one(const std::string& file, bool thumbnail, PreparedImage& prepared, ImageBatch& images, std::size_t place) const;
  void decode_batch(Batch& batch, bool thumbnails) const;
  void encode_batch(Batch& batch) const;
  void encode_together(std::span<Waiting* const> group) const noexcept;

  std::shared_ptr<const ClipEncoder> encoder_;
  PreparationOptions options_;
  Metrics& metrics_;
  mutable Places batches_{kBatchesMax}, queries_;
  // Two groups at the encoder: between them it would take a batch's step.
  mutable WaitingLine<Waiting> query_line_{2};
  mutable WorkerPool workers_;
};

}  // namespace clipdex::engine
