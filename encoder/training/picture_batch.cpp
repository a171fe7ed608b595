#include "encoder/training/picture_batch.h"

#include <exception>
#include <new>
#include <span>
#include <utility>

#include "encoder/image_decoder.h"
#include "encoder/training/parallel_work.h"

namespace clipdex::training {
namespace {

constexpr std::size_t kPictureBytesMax = std::size_t{32} << 20;

// Into `pixels`. Returns what is wrong with it, or "".
std::string decode(const datasets::CaptionedImage& sample, const encoder::Preprocessing& preprocessing, float* pixels) {
  if (!sample.error.empty()) return sample.error;
  try {
    const auto bytes = datasets::read_picture(sample, kPictureBytesMax);
    const auto image = encoder::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, {},
                                             encoder::reduced_decoding(preprocessing));
    encoder::preprocess_into(image, preprocessing, pixels);
    return {};
  } catch (const std::bad_alloc&) {
    throw;  // says nothing of the sample
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

PictureReader::PictureReader(const datasets::Dataset& dataset, const encoder::Preprocessing& preprocessing, int threads,
                             std::function<void(const std::string&, const std::string&)> bad_sample)
    : source_(dataset.open_all()), preprocessing_(preprocessing), threads_(threads), bad_sample_(std::move(bad_sample)) {}

PictureBatch PictureReader::next(std::size_t count) {
  const auto values = preprocessing_.values();
  PictureBatch batch;
  while (batch.count < count) {
    std::vector<datasets::CaptionedImage> samples;
    while (samples.size() < count - batch.count) {
      auto sample = source_->next();
      if (!sample) break;
      samples.push_back(std::move(*sample));
    }
    if (samples.empty()) break;
    std::vector<float> pixels(samples.size() * values);
    std::vector<std::string> errors(samples.size());
    for_each_in_parallel(samples.size(), threads_,
                         [&](std::size_t i) { errors[i] = decode(samples[i], preprocessing_, pixels.data() + i * values); });
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!errors[i].empty()) {
        if (bad_sample_) bad_sample_(samples[i].where, errors[i]);
        continue;
      }
      const auto of_sample = std::span(pixels).subspan(i * values, values);
      batch.pixels.insert(batch.pixels.end(), of_sample.begin(), of_sample.end());
      batch.where.push_back(std::move(samples[i].where));
      batch.captions.push_back(std::move(samples[i].captions));
      batch.labels.push_back(std::move(samples[i].label));
      ++batch.count;
    }
  }
  return batch;
}

}  // namespace clipdex::training
