#include "encoder/clip_encoder.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "encoder/clip_tensors.h"
#include "encoder/device_decoder.h"
#include "encoder/encoder_thread.h"
#include "encoder/model_directory.h"
#include "encoder/step_size.h"
#include "encoder/tower_runner.h"

namespace clipdex::encoder {
namespace {

// The position that is pooled: of the first end token (0 where there is none, as transformers' argmax says), or of the highest id as
// OpenAI's model does.
std::size_t pooled_position(const std::vector<std::int32_t>& tokens, std::int32_t end_token) {
  if (end_token >= 0) {
    const auto found = std::find(tokens.begin(), tokens.end(), end_token);
    return found != tokens.end() ? static_cast<std::size_t>(found - tokens.begin()) : 0;
  }
  return static_cast<std::size_t>(std::max_element(tokens.begin(), tokens.end()) - tokens.begin());
}

void check_tokens(std::span<const std::vector<std::int32_t>> tokens, const TextConfig& config) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string which = "token list " + std::to_string(i + 1);
    if (tokens[i].empty()) throw std::invalid_argument(which + " is empty");
    if (tokens[i].size() > static_cast<std::size_t>(config.context_length)) {
      throw std::invalid_argument(which + " has " + std::to_string(tokens[i].size()) + " ids, and the model's context is " +
                                  std::to_string(config.context_length));
    }
    for (const auto id : tokens[i]) {
      if (id >= 0 && id < config.vocabulary_size) continue;
      throw std::invalid_argument(which + " has the id " + std::to_string(id) + ", and the vocabulary is 0 to " +
                                  std::to_string(config.vocabulary_size - 1));
    }
  }
}

// nullptr: the CPU decodes.
std::shared_ptr<DeviceDecoder> open_decoder(const EncoderOptions& options, const ComputeDevice& device) {
  if (!options.device_decoding || options.device_decoder) return options.device_decoder;
  std::string reason = device.kind == DeviceKind::kCuda ? "this clipdex was built without nvJPEG" : "the model is on the CPU";
  try {
    if (auto decoder = make_device_decoder(device)) return decoder;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  if (options.on_decoder_failure) options.on_decoder_failure(reason);
  return nullptr;
}

}  // namespace

struct ClipEncoder::Impl {
  Impl(const OpenedModel& opened, const EncoderOptions& its_options)
      : options(its_options),
        directory(opened.directory),
        device(choose_device(options.device)),
        precision(options.precision.value_or(default_precision(device))),
        // A GPU's steps leave the cores to those who decode.
        thread(device.kind == DeviceKind::kCuda ? 1 : options.threads) {
    check_tensors(opened.checkpoint, directory.config);
    tokenizer = open_tokenizer(directory);
    info = describe_model(opened);
    const auto make = [&] { return thread.run(Urgency::kQuery, [&] { return make_tower_runner(opened, device, precision); }); };
    try {
      towers = make();
    } catch (const std::exception&) {
      // A GPU that others have filled is none that can be used.
      if (options.device != "auto" || device.kind == DeviceKind::kCpu) throw;
      device = {};
      precision = options.precision.value_or(default_precision(device));
      towers = make();
    }
    image_steps.emplace(towers->images_per_step());
  }

  // Opened when it is first asked for: many who encode never decode.
  DeviceDecoding& decoder() {
    std::call_once(decoding_opened,
                   [this] { decoding.emplace(open_decoder(options, device), thread.cores(), options.on_decoder_failure); });
    return *decoding;
  }

  std::size_t dimension() const { return static_cast<std::size_t>(directory.config.embedding_dimension); }

  std::size_t pixels_per_image() const {
    return std::size_t{3} * static_cast<std::size_t>(directory.preprocessing.height) *
           static_cast<std::size_t>(directory.preprocessing.width);
  }

  // `step(begin, n)` on the encoder's thread, until all `count` pictures are done.
  template <typename Step>
  void in_steps(std::size_t count, Urgency urgency, const Step& step) {
    for (std::size_t begin = 0; begin < count;) {
      const std::size_t n = std::min(image_steps->next(urgency), count - begin);
      if (urgency == Urgency::kQuery) image_steps->query();
      thread.run(urgency, [&] {
        const StepSize::Timer timer(*image_steps, n);
        step(begin, n);
      });
      begin += n;
    }
  }

  // Rows `order[begin..end)` of `tokens`, all trimmed at their pooled position and padded to the longest of them.
  void encode_token_step(std::span<const std::vector<std::int32_t>> tokens, std::span<const std::size_t> order,
                         std::span<const std::size_t> pooled, bool normalize, Urgency urgency, Embeddings& out) {
    if (urgency == Urgency::kQuery) image_steps->query();
    TokenBatch batch{.rows = order.size(), .length = 0, .ids = {}, .pooled = {}};
    for (const auto row : order) {
      batch.length = std::max(batch.length, pooled[row] + 1);
      batch.pooled.push_back(static_cast<std::int64_t>(pooled[row]));
    }
    batch.ids.assign(batch.rows * batch.length, 0);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& row = tokens[order[i]];
      std::copy_n(row.begin(), pooled[order[i]] + 1, batch.ids.begin() + static_cast<std::ptrdiff_t>(i * batch.length));
    }
    std::vector<float> features(order.size() * out.dimension);
    thread.run(urgency, [&] { towers->encode_tokens(batch, normalize, features.data()); });
    for (std::size_t i = 0; i < order.size(); ++i) {
      std::copy_n(features.data() + i * out.dimension, out.dimension, out.values.data() + order[i] * out.dimension);
    }
  }

  EncoderOptions options;
  ModelDirectory directory;
  ComputeDevice device;
  ComputePrecision precision;
  ModelInfo info;
  std::optional<Tokenizer> tokenizer;
  std::unique_ptr<TowerRunner> towers;
  std::optional<StepSize> image_steps;
  std::once_flag decoding_opened;
  std::optional<DeviceDecoding> decoding;
  EncoderThread thread;  // last: its tasks use the others
};

ClipEncoder::ClipEncoder(const std::filesystem::path& model, const EncoderOptions& options)
    : impl_(std::make_unique<Impl>(open_model(model), options)) {}

ClipEncoder::~ClipEncoder() = default;

void ClipEncoder::expect_query() const { impl_->image_steps->query(); }
std::size_t ClipEncoder::query_images_per_step() const { return impl_->image_steps->within(StepSize::kStepAlone); }
std::size_t ClipEncoder::images_per_step() const { return impl_->towers->images_per_step(); }
CoreBudget& ClipEncoder::cores() const { return impl_->thread.cores(); }
ComputeDevice ClipEncoder::device() const { return impl_->device; }
ComputePrecision ClipEncoder::precision() const { return impl_->precision; }
const ModelInfo& ClipEncoder::info() const { return impl_->info; }
const ClipConfig& ClipEncoder::config() const { return impl_->directory.config; }
const Preprocessing& ClipEncoder::preprocessing() const { return impl_->directory.preprocessing; }
std::size_t ClipEncoder::dimension() const { return impl_->dimension(); }
const Tokenizer* ClipEncoder::tokenizer() const { return impl_->tokenizer ? &*impl_->tokenizer : nullptr; }

Embeddings ClipEncoder::encode_texts(std::span<const std::string> texts, bool normalize, Urgency urgency) const {
  return encode_tokens(tokenize(texts), normalize, urgency);
}

std::vector<std::vector<std::int32_t>> ClipEncoder::tokenize(std::span<const std::string> texts) const {
  if (!impl_->tokenizer) {
    throw std::invalid_argument(
        "the model \"" + impl_->info.name +
        "\" has no tokenizer: it cannot encode texts. Put the model's vocab.json and merges.txt, its tokenizer.json or " +
        "OpenAI's bpe_simple_vocab_16e6.txt.gz beside the weights");
  }
  // A word is tokenized whole, however little of it the context holds; so all lengths are checked before any work.
  for (const auto& text : texts) {
    if (text.size() <= kTextBytesMax) continue;
    throw std::invalid_argument("a text has " + std::to_string(text.size()) + " bytes, and " + std::to_string(kTextBytesMax) +
                                " are the limit");
  }
  std::vector<std::vector<std::int32_t>> tokens;
  tokens.reserve(texts.size());
  for (const auto& text : texts) tokens.push_back(impl_->tokenizer->encode(text, static_cast<std::size_t>(config().text.context_length)));
  return tokens;
}

Embeddings ClipEncoder::encode_tokens(std::span<const std::vector<std::int32_t>> tokens, bool normalize, Urgency urgency) const {
  check_tokens(tokens, config().text);
  Embeddings out{.count = tokens.size(), .dimension = dimension(), .values = std::vector<float>(tokens.size() * dimension())};
  std::vector<std::size_t> pooled;
  pooled.reserve(tokens.size());
  for (const auto& row : tokens) pooled.push_back(pooled_position(row, config().text.end_token));
  // Rows of similar length share a step, so that little is computed for padding.
  std::vector<std::size_t> order(tokens.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return pooled[a] < pooled[b]; });
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t shortest = pooled[order[begin]] + 1;
    std::size_t end = begin + 1;
    while (end < order.size() && (end - begin + 1) * (pooled[order[end]] + 1) <= impl_->towers->tokens_per_step() &&
           pooled[order[end]] + 1 <= shortest + shortest / 4 + 1)
      ++end;
    impl_->encode_token_step(tokens, std::span(order).subspan(begin, end - begin), pooled, normalize, urgency, out);
    begin = end;
  }
  return out;
}

std::optional<Image> ClipEncoder::decode_on_device(std::span<const std::uint8_t> file, const ImageLimits& limits,
                                                   const DecodeOptions& options, Urgency urgency) const {
  return impl_->decoder().decode(file, limits, options, urgency);
}

std::size_t ClipEncoder::pictures_on_device() const { return impl_->decoder().places(); }

ImageBatch ClipEncoder::image_batch(std::size_t count) const { return {preprocessing(), impl_->towers->takes_pictures(), count}; }

Embeddings ClipEncoder::encode_image_batch(const ImageBatch& images, bool normalize, Urgency urgency) const {
  if (!impl_->towers->takes_pictures()) return encode_pixels(images.pixels(), images.size(), normalize, urgency);
  Embeddings out{.count = images.size(), .dimension = dimension(), .values = std::vector<float>(images.size() * dimension())};
  impl_->in_steps(images.size(), urgency, [&](std::size_t begin, std::size_t n) {
    impl_->towers->encode_pictures(images.images().subspan(begin, n), normalize, out.values.data() + begin * out.dimension);
  });
  return out;
}

Embeddings ClipEncoder::encode_images(std::span<const Image> images, bool normalize) const {
  Embeddings out{.count = images.size(), .dimension = dimension(), .values = {}};
  const std::size_t step = impl_->towers->images_per_step();
  for (std::size_t begin = 0; begin < images.size(); begin += step) {
    auto batch = image_batch(std::min(step, images.size() - begin));
    for (std::size_t i = 0; i < batch.size(); ++i) batch.set(i, images[begin + i]);
    const auto some = encode_image_batch(batch, normalize);
    out.values.insert(out.values.end(), some.values.begin(), some.values.end());
  }
  return out;
}

Embeddings ClipEncoder::encode_pixels(std::span<const float> pixels, std::size_t count, bool normalize, Urgency urgency) const {
  const std::size_t stride = impl_->pixels_per_image();
  if (count == 0 ? !pixels.empty() : pixels.size() / count != stride || pixels.size() % count != 0) {
    throw std::invalid_argument("the pixels are " + std::to_string(pixels.size()) + " numbers, and " + std::to_string(count) +
                                " pictures of 3 x " + std::to_string(preprocessing().height) + " x " +
                                std::to_string(preprocessing().width) + " take " + std::to_string(count * stride));
  }
  Embeddings out{.count = count, .dimension = dimension(), .values = std::vector<float>(count * dimension())};
  impl_->in_steps(count, urgency, [&](std::size_t begin, std::size_t n) {
    impl_->towers->encode_pixels(pixels.data() + begin * stride, n, normalize, out.values.data() + begin * out.dimension);
  });
  return out;
}

}  // namespace clipdex::encoder
