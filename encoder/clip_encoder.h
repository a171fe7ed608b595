// The CLIP model as the rest of clipdex sees it: pictures and texts in, vectors out. No LibTorch shows here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoder/clip_config.h"
#include "encoder/compute_device.h"
#include "encoder/core_budget.h"
#include "encoder/image_batch.h"
#include "encoder/image_decoder.h"
#include "encoder/model_info.h"
#include "encoder/preprocessing.h"
#include "encoder/tokenizer.h"
#include "encoder/urgency.h"

namespace clipdex::encoder {

class DeviceDecoder;

struct EncoderOptions {
  int threads = 0;                            // OpenMP threads of the encoder; 0: one a core
  std::string device = "cpu";                 // as choose_device() takes it
  std::optional<ComputePrecision> precision;  // default_precision() of the device if not set
  // Whether a GPU decodes pictures where it can (decode_on_device()). Off unless asked for: nvJPEG is not made for hostile files
  // (docs/gpu.md).
  bool device_decoding = false;
  // Called once, by any thread, with the reason for which a GPU decodes no more, or cannot: the CPU does it all then. It must not call the
  // encoder.
  std::function<void(const std::string& reason)> on_decoder_failure;
  std::shared_ptr<DeviceDecoder> device_decoder;  // in place of the device's own, for tests
};

// Row-major [count, dimension] matrix of embeddings.
struct Embeddings {
  std::size_t count = 0;
  std::size_t dimension = 0;
  std::vector<float> values;
  std::span<const float> row(std::size_t i) const { return {values.data() + i * dimension, dimension}; }
};

// Of one text; the context holds some hundred bytes of it.
inline constexpr std::size_t kTextBytesMax = std::size_t{64} << 10;

// Any thread may call it. The arithmetic runs on the encoder's own thread, one step at a time, so that callers never multiply OpenMP's
// threads. A query's steps go before those of batches (encoder_thread.h), and while there are queries a batch's steps are short
// (step_size.h): a query waits for the end of one of them, never for a batch.
class ClipEncoder {
 public:
  // `model`: a directory or a checkpoint that open_model() reads. Throws std::runtime_error that names file, tensor and remedy.
  // Throws as choose_device() does, too.
  explicit ClipEncoder(const std::filesystem::path& model, const EncoderOptions& options = {});
  ~ClipEncoder();
  ClipEncoder(const ClipEncoder&) = delete;
  ClipEncoder& operator=(const ClipEncoder&) = delete;

  // Whoever computes beside the encoder takes cores from here.
  CoreBudget& cores() const;

  // A query's picture is about to come, as soon as it is decoded: batches' steps are short from now on.
  void expect_query() const;

  // Pictures that it computes at once: more are no faster.
  std::size_t images_per_step() const;
  // How many query pictures may be encoded together so that other queries do not wait long for them: at least one.
  std::size_t query_images_per_step() const;

  ComputeDevice device() const;
  ComputePrecision precision() const;
  const ModelInfo& info() const;
  const ClipConfig& config() const;
  const Preprocessing& preprocessing() const;
  std::size_t dimension() const;
  // nullptr where the directory has no tokenizer; then only token ids and images can be encoded.
  const Tokenizer* tokenizer() const;

  // `normalize`: unit length (what is stored and searched); otherwise as the projection leaves them.
  // Texts over the context length are cut, keeping the end token. Throws std::invalid_argument without a tokenizer and
  // for a text over kTextBytesMax.
  Embeddings encode_texts(std::span<const std::string> texts, bool normalize = true, Urgency urgency = Urgency::kQuery) const;

  // What encode_texts() hands to encode_tokens(), with the same exceptions.
  std::vector<std::vector<std::int32_t>> tokenize(std::span<const std::string> texts) const;

  // Each row: ids with start and end token, 1..context_length of them, each below the vocabulary's size; else std::invalid_argument.
  // The end token is the last one that matters: what follows it is ignored, which is exact for a causal tower.
  Embeddings encode_tokens(std::span<const std::vector<std::int32_t>> tokens, bool normalize = true,
                           Urgency urgency = Urgency::kQuery) const;

  // A picture file decoded by the encoder's GPU, as decode_image() decodes it but for rounding. Nothing where that is the CPU's: without
  // such a GPU, for options that ask for every pixel, for anything but an ordinary JPEG within the limits, and when the GPU is busy or
  // fails; decode_image() gives the picture then, or says why there is none. It waits for the GPU: the caller must hold no core.
  std::optional<Image> decode_on_device(std::span<const std::uint8_t> file, const ImageLimits& limits, const DecodeOptions& options,
                                        Urgency urgency) const;
  // How many at once, beside those that the CPU decodes; 0: none.
  std::size_t pictures_on_device() const;

  // Room for so many pictures, in the form in which this encoder's device takes them.
  ImageBatch image_batch(std::size_t count) const;
  Embeddings encode_image_batch(const ImageBatch& images, bool normalize = true, Urgency urgency = Urgency::kQuery) const;

  Embeddings encode_images(std::span<const Image> images, bool normalize = true) const;

  // `pixels`: float32 [count, 3, height, width] as preprocess() makes them; else std::invalid_argument.
  Embeddings encode_pixels(std::span<const float> pixels, std::size_t count, bool normalize = true,
                           Urgency urgency = Urgency::kQuery) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::encoder
