// Zero-shot classification: which of some labels a picture goes with, each label put into sentences that a caption could be
// (Radford et al. 2021, section 3.1.4; openai/CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model.h"

namespace clipdex::engine {

struct LabelSet {
  std::vector<std::string> labels;
  std::vector<std::string> templates;  // sentences with one "{}" for the label
  bool operator==(const LabelSet&) const = default;
};

struct LabelProbability {
  std::string label;
  double probability = 0;  // softmax over the set of exp(logit_scale) * score
  float score = 0;         // cosine
};

inline constexpr std::size_t kPromptsMax = 1'000'000;     // labels x templates; ImageNet with 80 templates has 80,000
inline constexpr std::size_t kServedPromptsMax = 10'000;  // of one request: seconds to minutes of a server's time, once
inline constexpr std::size_t kLabelBytesMax = 1024;       // of a label, and of a template
inline constexpr std::string_view kDefaultTemplates = "photo";

// "photo" ("a photo of a {}."), "plain" (the label alone), "openai-7" (the best seven for ImageNet), "openai-80" (all eighty).
// Throws std::invalid_argument that names those that there are.
std::vector<std::string> named_templates(std::string_view name);

// Throws std::invalid_argument: no label, one that is empty, too long, not UTF-8 or there twice, a template without exactly one "{}",
// more prompts than `prompts_max`.
void check_label_set(const LabelSet& set, std::size_t prompts_max = kPromptsMax);

// The labels between separators, as people write them: without blanks around them, empty ones, and a byte order mark in front.
std::vector<std::string> split_labels(std::string_view text, char separator);

// Immutable after construction: any thread may call it.
class LabelClassifier {
 public:
  // Checks the set and encodes its prompts, some hundred at a time: of each label the unit embeddings' mean, of unit length again.
  LabelClassifier(const ClipEncoder& encoder, LabelSet set);

  // image: a unit embedding of the same encoder; else std::invalid_argument. The `top` most probable labels (0: all), best first; of equal
  // ones in the set's order.
  std::vector<LabelProbability> classify(std::span<const float> image, std::size_t top = 0) const;

  const LabelSet& set() const { return set_; }
  std::span<const float> embedding(std::size_t label) const { return {embeddings_.data() + label * dimension_, dimension_}; }
  std::size_t memory_bytes() const;

 private:
  LabelSet set_;
  std::size_t dimension_;
  double logit_factor_;            // exp(logit_scale)
  std::vector<float> embeddings_;  // [labels, dimension]
};

}  // namespace clipdex::engine
