#include "engine/image_preparation.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <semaphore>
#include <thread>
#include <utility>

namespace clipdex::engine {
namespace {

constexpr std::size_t kBatch = 32;

constexpr std::size_t kWorkersMax = 16;

std::size_t worker_count() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kWorkersMax); }

// Held while a decoded picture is in memory: however many requests decode, the process holds no more pictures than it has workers.
class DecodingSlot {
 public:
  DecodingSlot() { slots().acquire(); }
  ~DecodingSlot() { slots().release(); }
  DecodingSlot(const DecodingSlot&) = delete;
  DecodingSlot& operator=(const DecodingSlot&) = delete;

 private:
  static std::counting_semaphore<kWorkersMax>& slots() {
    static std::counting_semaphore<kWorkersMax> all(static_cast<std::ptrdiff_t>(worker_count()));
    return all;
  }
};

Image decode(const std::string& file, const ImageLimits& limits) {
  return decode_image({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, limits);
}

// Decoded, preprocessed, and forgotten: 4 bytes a channel of the model's input size are all that stays.
void prepare_one(const std::string& file, const ClipEncoder& encoder, const PreparationOptions& options, PreparedImage& prepared,
                 float* pixels) {
  try {
    const DecodingSlot slot;
    const Image image = decode(file, options.limits);
    preprocess_into(image, encoder.preprocessing(), pixels);
    prepared.width = image.width;
    prepared.height = image.height;
    prepared.format = image_format_name(image.format);
    if (options.thumbnails) prepared.thumbnail = make_thumbnail(image);
  } catch (const ImageError& error) {
    prepared.error_code = image_error_code(error);
    prepared.error = error.what();
  }
}

struct Batch {
  std::span<const std::string* const> files;
  std::span<PreparedImage> prepared;
  std::vector<float> pixels;  // [files.size(), 3, height, width]
};

void decode_batch(Batch& batch, const ClipEncoder& encoder, const PreparationOptions& options) {
  const std::size_t stride = batch.pixels.size() / batch.files.size();
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < batch.files.size(); i = next++) {
      prepare_one(*batch.files[i], encoder, options, batch.prepared[i], batch.pixels.data() + i * stride);
    }
  };
  std::vector<std::future<void>> workers;
  for (std::size_t i = 1; i < std::min(worker_count(), batch.files.size()); ++i) workers.push_back(std::async(std::launch::async, work));
  work();
  for (auto& worker : workers) worker.get();
}

// Moves the accepted pictures' pixels together, encodes them and hands out the embeddings.
void encode_batch(Batch& batch, const ClipEncoder& encoder) {
  const std::size_t stride = batch.pixels.size() / batch.files.size();
  std::vector<PreparedImage*> accepted;
  for (std::size_t i = 0; i < batch.files.size(); ++i) {
    if (!batch.prepared[i].error.empty()) continue;
    const auto from = batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * stride);
    const auto to = batch.pixels.begin() + static_cast<std::ptrdiff_t>(accepted.size() * stride);
    if (from != to) std::copy_n(from, stride, to);
    accepted.push_back(&batch.prepared[i]);
  }
  if (accepted.empty()) return;
  const auto embeddings = encoder.encode_pixels(std::span(batch.pixels).first(accepted.size() * stride), accepted.size());
  for (std::size_t i = 0; i < accepted.size(); ++i) {
    const auto row = embeddings.row(i);
    accepted[i]->embedding.assign(row.begin(), row.end());
  }
}

}  // namespace

std::vector<PreparedImage> prepare_images(std::span<const std::string* const> files, const ClipEncoder& encoder,
                                          const PreparationOptions& options) {
  std::vector<PreparedImage> prepared(files.size());
  const auto& preprocessing = encoder.preprocessing();
  const std::size_t stride =
      std::size_t{3} * static_cast<std::size_t>(preprocessing.height) * static_cast<std::size_t>(preprocessing.width);
  // While one batch is encoded, the next one is decoded.
  std::future<void> encoding;
  for (std::size_t begin = 0; begin < files.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, files.size() - begin);
    auto batch =
        std::make_shared<Batch>(Batch{files.subspan(begin, n), std::span(prepared).subspan(begin, n), std::vector<float>(n * stride)});
    decode_batch(*batch, encoder, options);
    if (encoding.valid()) encoding.get();
    encoding = std::async(std::launch::async, [batch, &encoder] { encode_batch(*batch, encoder); });
  }
  if (encoding.valid()) encoding.get();
  return prepared;
}

std::vector<float> embed_file(const std::string& file, const ClipEncoder& encoder, const ImageLimits& limits) {
  std::vector<float> pixels;
  {
    const DecodingSlot slot;
    pixels = preprocess(decode(file, limits), encoder.preprocessing());
  }
  return encoder.encode_pixels(pixels, 1).values;
}

}  // namespace clipdex::engine
