#include "engine/evaluation.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>

#include "encoder/training/picture_batch.h"
#include "encoder/training/retrieval.h"

namespace clipdex::engine {
namespace {

constexpr std::size_t kImagesAtOnce = 128;

// Every picture that can be read, some at a time, with their unit embeddings. Returns how many samples could not be.
template <typename Use>
std::size_t for_each_batch(const ClipEncoder& encoder, const datasets::Dataset& dataset, const EvaluationEvents& events, const Use& use) {
  std::size_t failed = 0;
  training::PictureReader reader(dataset, encoder.preprocessing(), encoder.cores().cores(),
                                 [&](const std::string& where, const std::string& why) {
                                   ++failed;
                                   events.bad_sample(where, why);
                                 });
  while (true) {
    const auto batch = reader.next(kImagesAtOnce);
    if (batch.count == 0) return failed;
    use(batch, encoder.encode_pixels(batch.pixels, batch.count, /*normalize=*/true, Urgency::kBatch));
    events.progress(batch.count);
  }
}

// ImageNet's list has names that stand for two classes: they are one class here, since no text tells them apart.
struct Classes {
  explicit Classes(const std::vector<std::string>& labels) {
    for (const auto& label : labels) {
      const auto [found, is_new] = positions.emplace(label, names.size());
      if (is_new) names.push_back(label);
      numbers.push_back(found->second);
    }
  }

  // Of a label by its name, or by its number in the list.
  std::optional<std::size_t> find(const std::string& label) const {
    if (const auto found = positions.find(label); found != positions.end()) return found->second;
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
    if (error != std::errc() || end != label.data() + label.size() || number >= numbers.size()) return std::nullopt;
    return numbers[number];
  }

  std::vector<std::string> names;                // each once
  std::map<std::string, std::size_t> positions;  // in `names`
  std::vector<std::size_t> numbers;              // of the list, in `names`
};

// The positions of the best five of the set's labels, best first.
std::vector<std::size_t> best_five(const LabelClassifier& classifier, std::span<const float> image, const Classes& classes) {
  constexpr std::size_t kTop = 5;
  std::vector<std::size_t> best;
  for (const auto& label : classifier.classify(image, kTop)) best.push_back(classes.positions.at(label.label));
  return best;
}

double percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

RetrievalEvaluation evaluate_retrieval(const ClipEncoder& encoder, const datasets::Dataset& dataset, std::size_t captions_max,
                                       const EvaluationEvents& events) {
  std::vector<float> images, texts;
  std::vector<std::uint32_t> image_of;
  std::uint32_t seen = 0;
  RetrievalEvaluation result;
  result.failed = for_each_batch(encoder, dataset, events, [&](const training::PictureBatch& batch, const Embeddings& embeddings) {
    std::vector<std::string> captions;
    for (std::size_t i = 0; i < batch.count; ++i) {
      const auto& own = batch.captions[i];
      const auto count = captions_max == 0 ? own.size() : std::min(captions_max, own.size());
      if (count == 0) continue;  // with a label alone
      const auto row = embeddings.row(i);
      images.insert(images.end(), row.begin(), row.end());
      captions.insert(captions.end(), own.begin(), own.begin() + static_cast<std::ptrdiff_t>(count));
      image_of.insert(image_of.end(), count, seen++);
    }
    const auto encoded = encoder.encode_texts(captions, /*normalize=*/true, Urgency::kBatch);
    texts.insert(texts.end(), encoded.values.begin(), encoded.values.end());
  });
  if (image_of.empty()) throw std::runtime_error("the data has no picture with a caption that can be read");
  result.recalls = training::retrieval_recalls(images, texts, image_of, encoder.dimension());
  return result;
}

ZeroShotEvaluation evaluate_zero_shot(const ClipEncoder& encoder, const datasets::Dataset& dataset, const LabelSet& set,
                                      const EvaluationEvents& events) {
  const Classes classes(set.labels);
  const LabelClassifier classifier(encoder, {.labels = classes.names, .templates = set.templates});
  ZeroShotEvaluation result;
  for (const auto& name : classes.names) result.classes.push_back({.label = name});
  std::size_t top1 = 0, top5 = 0;
  const auto unread = for_each_batch(encoder, dataset, events, [&](const training::PictureBatch& batch, const Embeddings& embeddings) {
    for (std::size_t i = 0; i < batch.count; ++i) {
      const auto own = batch.labels[i] ? classes.find(*batch.labels[i]) : std::nullopt;
      if (!own) {
        ++result.failed;
        events.bad_sample(batch.where[i],
                          batch.labels[i] ? "\"" + *batch.labels[i] + "\" is none of the classes" : "a picture has no label");
        continue;
      }
      const auto best = best_five(classifier, embeddings.row(i), classes);
      ++result.images;
      ++result.classes[*own].images;
      if (best.front() == *own) {
        ++top1;
        ++result.classes[*own].correct;
      }
      top5 += std::find(best.begin(), best.end(), *own) != best.end() ? 1 : 0;
    }
  });
  result.failed += unread;
  if (result.images == 0) throw std::runtime_error("the data has no picture with a label of the classes that can be read");
  result.top1 = percent(top1, result.images);
  result.top5 = percent(top5, result.images);
  double sum = 0;
  std::size_t with_images = 0;
  for (const auto& one : result.classes) {
    if (one.images == 0) continue;
    sum += percent(one.correct, one.images);
    ++with_images;
  }
  result.mean_per_class = sum / static_cast<double>(with_images);
  return result;
}

std::vector<std::string> labels_of(const datasets::Dataset& dataset) {
  std::set<std::string> labels;
  const auto source = dataset.open_all();
  while (const auto sample = source->next()) {
    if (sample->label) labels.insert(*sample->label);
  }
  return {labels.begin(), labels.end()};
}

}  // namespace clipdex::engine
