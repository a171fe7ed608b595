// CLIP's loss, and its gradients for batches that do not go through the towers at once. Private to encoder/.
#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <functional>

namespace clipdex::training {

// The mean of both cross entropies over s I T^T, each picture's own text being the right one among all, and the other way round
// (Radford et al. 2021, figure 3). image, text: [n, dimension], not normalised; logit_scale: [], the logarithm of s.
at::Tensor contrastive_loss(const at::Tensor& image, const at::Tensor& text, const at::Tensor& logit_scale);

struct Features {
  at::Tensor image, text;  // [n, dimension], not normalised
};

// What the towers go over the pairs for.
enum class Pass {
  kWhole,     // features, through which the gradient goes at once
  kFeatures,  // features alone
  kGradients  // features again, for the gradient to go through them: those of a frozen tower may be left undefined
};

// What the towers say of pairs [first, first + count). Running statistics move in passes that have gradients.
using EncodePairs = std::function<Features(std::int64_t first, std::int64_t count, Pass pass)>;

// Adds the gradient of factor * contrastive_loss() of `pairs` pairs, and returns the loss. With more pairs than `micro_batch`, they go
// through the towers twice: for the features alone, then again part by part with the gradient that the whole loss has at them (Gao et al.
// 2021, "Scaling deep contrastive learning batch size under memory limited setup"; open_clip's --accum-freq). It is the whole batch's
// gradient but for batch normalisation, which sees a part at a time.
double backward_contrastive(const EncodePairs& encode, std::int64_t pairs, std::int64_t micro_batch, const at::Tensor& logit_scale,
                            double factor = 1);

}  // namespace clipdex::training
