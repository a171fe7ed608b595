#include "engine/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "engine/identifiers.h"
#include "engine/label_templates.h"

namespace clipdex::engine {
namespace {

constexpr std::string_view kPlace = "{}";

std::string prompt(const std::string& pattern, const std::string& label) {
  std::string text = pattern;
  return text.replace(text.find(kPlace), kPlace.size(), label);
}

void check_text(const std::string& text, const std::string& what) {
  constexpr std::size_t kShown = 60;
  if (text.empty()) throw std::invalid_argument(what + " is empty");
  if (!is_utf8(text)) throw std::invalid_argument(what + " is not valid UTF-8");
  if (text.size() > kLabelBytesMax) {
    throw std::invalid_argument(what + " that begins with \"" + text.substr(0, kShown) + "\" has " + std::to_string(text.size()) +
                                " bytes, and " + std::to_string(kLabelBytesMax) + " are the limit");
  }
}

// Of unit length, as far as it has any.
void append_normalized(std::vector<float>& out, const std::vector<double>& sum) {
  const double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
  for (const double value : sum) out.push_back(static_cast<float>(length > 0 ? value / length : 0));
}

}  // namespace

std::vector<std::string> named_templates(std::string_view name) {
  std::string names;
  for (const auto& [known, templates] : kLabelTemplates) {
    if (known == name) return {templates.begin(), templates.end()};
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  throw std::invalid_argument("there are no templates \"" + std::string(name) + "\": choose one of " + names + ", or list your own");
}

void check_label_set(const LabelSet& set, std::size_t prompts_max) {
  if (set.labels.empty()) throw std::invalid_argument("there are no labels: name at least one");
  if (set.templates.empty()) throw std::invalid_argument("there are no templates: name at least one, such as \"a photo of a {}.\"");
  if (set.labels.size() > prompts_max / set.templates.size()) {
    throw std::invalid_argument(std::to_string(set.labels.size()) + " labels in " + std::to_string(set.templates.size()) +
                                " templates are more than the limit of " + std::to_string(prompts_max) +
                                " prompts: use fewer labels or templates");
  }
  std::unordered_set<std::string_view> seen;
  for (const auto& label : set.labels) {
    check_text(label, "a label");
    // Each would get its half of the probability.
    if (!seen.insert(label).second) throw std::invalid_argument("the label \"" + label + "\" is there twice: name it once");
  }
  for (const auto& pattern : set.templates) {
    check_text(pattern, "a template");
    const auto place = pattern.find(kPlace);
    if (place == std::string::npos || pattern.find(kPlace, place + kPlace.size()) != std::string::npos)
      throw std::invalid_argument("the template \"" + pattern + "\" does not have \"{}\" once, where the label goes");
  }
}

std::vector<std::string> split_labels(std::string_view text, char separator) {
  constexpr std::string_view kBlanks = " \t\r\n", kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> labels;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    const auto part = text.substr(at, end - at);
    const auto first = part.find_first_not_of(kBlanks);
    if (first != std::string_view::npos) labels.emplace_back(part.substr(first, part.find_last_not_of(kBlanks) - first + 1));
    at = end + 1;
  }
  return labels;
}

LabelClassifier::LabelClassifier(const ClipEncoder& encoder, LabelSet set)
    : set_(std::move(set)), dimension_(encoder.dimension()), logit_factor_(std::exp(encoder.info().logit_scale)) {
  check_label_set(set_);
  constexpr std::size_t kBatch = 256;  // so that the encoder finds texts of the same length, and few are in memory
  const std::size_t prompts = set_.labels.size() * set_.templates.size();
  embeddings_.reserve(set_.labels.size() * dimension_);
  std::vector<std::string> texts;
  std::vector<double> sum(dimension_);
  for (std::size_t begin = 0; begin < prompts; begin += kBatch) {
    texts.clear();
    const std::size_t end = std::min(begin + kBatch, prompts);
    for (std::size_t i = begin; i < end; ++i)
      texts.push_back(prompt(set_.templates[i % set_.templates.size()], set_.labels[i / set_.templates.size()]));
    const auto encoded = encoder.encode_texts(texts, /*normalize=*/true, Urgency::kBatch);
    for (std::size_t i = begin; i < end; ++i) {
      const auto row = encoded.row(i - begin);
      for (std::size_t j = 0; j < dimension_; ++j) sum[j] += static_cast<double>(row[j]);
      if ((i + 1) % set_.templates.size() != 0) continue;
      append_normalized(embeddings_, sum);
      std::fill(sum.begin(), sum.end(), 0.0);
    }
  }
}

std::vector<LabelProbability> LabelClassifier::classify(std::span<const float> image, std::size_t top) const {
  if (image.size() != dimension_)
    throw std::invalid_argument("the picture's embedding has " + std::to_string(image.size()) + " numbers, and the labels' have " +
                                std::to_string(dimension_));
  std::vector<double> scores(set_.labels.size());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = std::inner_product(image.begin(), image.end(), embedding(i).begin(), 0.0);
  const double highest = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (const double score : scores) total += std::exp(logit_factor_ * (score - highest));
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t count = top == 0 ? order.size() : std::min(top, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](auto left, auto right) { return std::pair(-scores[left], left) < std::pair(-scores[right], right); });
  std::vector<LabelProbability> labels;
  labels.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double score = scores[order[i]];
    labels.push_back({set_.labels[order[i]], std::exp(logit_factor_ * (score - highest)) / total, static_cast<float>(score)});
  }
  return labels;
}

std::size_t LabelClassifier::memory_bytes() const {
  std::size_t bytes = sizeof *this + embeddings_.capacity() * sizeof(float);
  for (const auto* texts : {&set_.labels, &set_.templates}) {
    for (const auto& text : *texts) bytes += sizeof(std::string) + text.capacity();
  }
  return bytes;
}

}  // namespace clipdex::engine
