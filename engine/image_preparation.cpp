#include "engine/image_preparation.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <new>
#include <utility>

namespace clipdex::engine {
namespace {

// At least; a GPU takes more at once.
constexpr std::size_t kImagesPerBatch = 32;

std::span<const std::uint8_t> bytes_of(const std::string& file) {
  return {reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
}

}  // namespace

// One of the places, given back at the end.
class ImagePreparation::Place {
 public:
  explicit Place(Places& places) : places_(places) { places_.acquire(); }
  Place(Places& places, Places::Clock::time_point until) : places_(places) {
    if (!places.acquire(until)) throw OverloadedError("too many query pictures are waiting to be encoded: try again later");
  }
  ~Place() { places_.release(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  Places& places_;
};

// Holds its place as long as its pixels are in memory.
struct ImagePreparation::Batch {
  Batch(std::span<const std::string* const> its_files, std::span<PreparedImage> results, const ClipEncoder& encoder, Places& places)
      : files(its_files), prepared(results), place(places), images(encoder.image_batch(files.size())) {}

  std::span<const std::string* const> files;
  std::span<PreparedImage> prepared;
  Place place;
  ImageBatch images;  // one a file
};

ImagePreparation::ImagePreparation(std::shared_ptr<const ClipEncoder> encoder, const PreparationOptions& options, Metrics& metrics)
    : encoder_(std::move(encoder)),
      options_(options),
      metrics_(metrics),
      queries_(options.queries_max),
      // Those that wait for a GPU compute nothing meanwhile.
      workers_(encoder_->cores().cores() + static_cast<int>(encoder_->pictures_on_device())) {}

DecodeOptions ImagePreparation::decode_options(bool thumbnail) const {
  DecodeOptions reduced;
  if (!options_.exact_decode) {
    reduced = reduced_decoding(encoder_->preprocessing());
    if (thumbnail) reduced.longer_side_min = std::max(reduced.longer_side_min, ThumbnailOptions{}.side_max);
  }
  return reduced;
}

std::optional<Image> ImagePreparation::decode_on_device(const std::string& file, bool thumbnail, Urgency urgency) const {
  return encoder_->decode_on_device(bytes_of(file), options_.limits, decode_options(thumbnail), urgency);
}

Image ImagePreparation::decode(const std::string& file, bool thumbnail) const {
  return decode_image(bytes_of(file), options_.limits, decode_options(thumbnail));
}

// Decoded, preprocessed, and forgotten: what the encoder's device takes is all that stays.
void ImagePreparation::prepare_one(const std::string& file, bool thumbnail, PreparedImage& prepared, ImageBatch& images,
                                   std::size_t place) const {
  StageTimer decoding(metrics_.decode);
  auto decoded = decode_on_device(file, thumbnail, Urgency::kBatch);
  if (decoded) decoding.stop();
  const CoreBudget::Worker core(encoder_->cores());
  if (!decoded) decoding.restart();
  try {
    Image image = decoded ? std::move(*decoded) : decode(file, thumbnail);
    decoding.stop();
    prepared.width = whole_width(image);
    prepared.height = whole_height(image);
    prepared.format = image_format_name(image.format);
    if (thumbnail) {
      const StageTimer timer(metrics_.thumbnail);
      prepared.thumbnail = make_thumbnail(image);
    }
    const StageTimer timer(metrics_.preprocess);
    images.set(place, std::move(image));
  } catch (const ImageError& error) {
    prepared.error_code = image_error_code(error.reason());
    prepared.error = error.what();
  } catch (const std::bad_alloc&) {
    prepared.error_code = image_error_code(ImageError::Reason::kTooLarge);
    prepared.error = "there is not enough memory to prepare the picture";
  }
}

void ImagePreparation::decode_batch(Batch& batch, bool thumbnails) const {
  std::atomic<std::size_t> next = 0;
  const GaugeHold queued(metrics_.decode_queue, static_cast<std::int64_t>(batch.files.size()));
  const std::size_t at_once = static_cast<std::size_t>(encoder_->cores().cores()) + encoder_->pictures_on_device();
  workers_.run_all(std::min(at_once, batch.files.size()), [&] {
    for (std::size_t i = next++; i < batch.files.size(); i = next++) {
      prepare_one(*batch.files[i], thumbnails, batch.prepared[i], batch.images, i);
    }
  });
}

// Moves the accepted pictures together, encodes them and hands out the embeddings.
void ImagePreparation::encode_batch(Batch& batch) const {
  std::vector<std::size_t> accepted;
  for (std::size_t i = 0; i < batch.files.size(); ++i) {
    if (batch.prepared[i].error.empty()) accepted.push_back(i);
  }
  if (accepted.empty()) return;
  batch.images.keep(accepted);
  const StageTimer timer(metrics_.encode_image);
  const GaugeHold queued(metrics_.encode_image_queue, static_cast<std::int64_t>(accepted.size()));
  metrics_.image_batch.observe(accepted.size());
  const auto embeddings = encoder_->encode_image_batch(batch.images, /*normalize=*/true, Urgency::kBatch);
  for (std::size_t i = 0; i < accepted.size(); ++i) {
    const auto row = embeddings.row(i);
    batch.prepared[accepted[i]].embedding.assign(row.begin(), row.end());
  }
}

std::vector<PreparedImage> ImagePreparation::prepare(std::span<const std::string* const> files, bool thumbnails) const {
  std::vector<PreparedImage> prepared(files.size());
  // While one batch waits for the encoder and is encoded, the next one is decoded by the cores that the encoder leaves.
  std::future<void> encoding;
  const std::size_t at_once = std::max(kImagesPerBatch, encoder_->images_per_step());
  for (std::size_t begin = 0; begin < files.size(); begin += at_once) {
    const std::size_t n = std::min(at_once, files.size() - begin);
    auto batch = std::make_unique<Batch>(files.subspan(begin, n), std::span(prepared).subspan(begin, n), *encoder_, batches_);
    decode_batch(*batch, thumbnails);
    if (encoding.valid()) encoding.get();
    // The batch and its place end with the encoding, not with the future: whoever waits for a place may hold a future that is not asked
    // yet.
    encoding = std::async(std::launch::async, [this, batch = std::move(batch)]() mutable {
      const auto mine = std::move(batch);
      encode_batch(*mine);
    });
  }
  if (encoding.valid()) encoding.get();
  return prepared;
}

std::vector<float> ImagePreparation::embed(const std::string& file, Places::Clock::time_point until) const {
  const Place place(queries_, until);
  Waiting mine(encoder_->image_batch(1));
  {
    const StageTimer timer(metrics_.decode);
    encoder_->expect_query();
    auto decoded = decode_on_device(file, /*thumbnail=*/false, Urgency::kQuery);
    const CoreBudget::Worker core(encoder_->cores(), Urgency::kQuery);
    mine.image.set(0, decoded ? std::move(*decoded) : decode(file, /*thumbnail=*/false));
  }
  const StageTimer timer(metrics_.encode_image);
  const GaugeHold queued(metrics_.encode_image_queue);
  query_line_.pass(
      mine, [this](const auto& line) { return std::min(line.size(), encoder_->query_images_per_step()); },
      [this](std::span<Waiting* const> group) { encode_together(group); });
  return std::move(mine.embedding);
}

void ImagePreparation::encode_together(std::span<Waiting* const> group) const noexcept {
  try {
    metrics_.image_batch.observe(group.size());
    auto images = std::move(group.front()->image);
    for (auto* one : group.subspan(1)) images.append(std::move(one->image));
    const auto embeddings = encoder_->encode_image_batch(images);
    for (std::size_t i = 0; i < group.size(); ++i) {
      const auto row = embeddings.row(i);
      group[i]->embedding.assign(row.begin(), row.end());
    }
  } catch (...) {
    for (auto* one : group) one->error = std::current_exception();
  }
}

}  // namespace clipdex::engine
