#include "encoder/training/validation.h"

#include <torch/torch.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "encoder/training/batch_tensors.h"
#include "encoder/training/picture_batch.h"
#include "encoder/training/retrieval.h"

namespace clipdex::training {
namespace {

void append(const at::Tensor& features, std::vector<float>& values) {
  const auto unit = (features / features.norm(2, /*dim=*/-1, /*keepdim=*/true)).to(at::kCPU, at::kFloat).contiguous();
  values.insert(values.end(), unit.const_data_ptr<float>(), unit.const_data_ptr<float>() + unit.numel());
}

}  // namespace

Recalls validate(const TrainableClip& model, const encoder::Tokenizer& tokenizer, const encoder::Preprocessing& preprocessing,
                 const datasets::Dataset& dataset, const ValidationOptions& options,
                 std::function<void(const std::string&, const std::string&)> bad_sample) {
  const torch::NoGradGuard no_gradients;
  constexpr std::size_t kAtOnce = 128;
  std::vector<float> images, texts;
  std::vector<std::uint32_t> image_of;
  const auto context = static_cast<std::size_t>(model.config().text.context_length);
  PictureReader reader(dataset, preprocessing, options.threads, std::move(bad_sample));
  std::size_t seen = 0;
  std::uint32_t captioned = 0;
  while (seen < options.images_max) {
    auto pictures = reader.next(std::min(kAtOnce, options.images_max - seen));
    if (pictures.count == 0) break;
    if (options.stop()) throw TrainingStopped();
    const auto pixels = at::from_blob(
        pictures.pixels.data(), {static_cast<std::int64_t>(pictures.count), 3, preprocessing.height, preprocessing.width}, at::kFloat);
    append(model.encode_image(pixels.to(options.device), /*training=*/false, /*update_statistics=*/false), images);
    const auto dimension = static_cast<std::size_t>(model.config().embedding_dimension);
    std::vector<std::vector<std::int32_t>> tokens;
    for (std::size_t i = 0; i < pictures.count; ++i) {
      if (pictures.captions[i].empty()) continue;  // with a label alone
      const auto row = images.begin() + static_cast<std::ptrdiff_t>((images.size() / dimension - pictures.count + i) * dimension);
      std::copy_n(row, dimension, images.begin() + static_cast<std::ptrdiff_t>(captioned * dimension));
      for (const auto& caption : pictures.captions[i]) {
        tokens.push_back(tokenizer.encode(caption, context));
        image_of.push_back(captioned);
      }
      ++captioned;
    }
    images.resize(captioned * dimension);
    for (std::size_t first = 0; first < tokens.size(); first += kAtOnce) {
      if (options.stop()) throw TrainingStopped();
      const auto part = text_tensors(std::span(tokens).subspan(first, std::min(kAtOnce, tokens.size() - first)), options.device);
      append(model.encode_text(part.tokens, part.pooled_at), texts);
    }
    seen += pictures.count;
  }
  if (image_of.empty())
    throw std::runtime_error("the validation data has no picture with a caption that can be read: bad_samples.jsonl says why");
  return retrieval_recalls(images, texts, image_of, static_cast<std::size_t>(model.config().embedding_dimension));
}

}  // namespace clipdex::training
